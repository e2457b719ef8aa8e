/**
 * The views, in the order of the bar: what lies below the dialogs, one at a time. Pure.
 *
 * Of each view: `name`, as in the address, and `title`. `place` is what the address may say of it (null: nothing): by what it
 * can be sorted (`orderings`; `ordering` unless a person says otherwise) and which `forms` open over it. `state` is what it
 * needs of the state: `lists` of tasks by name, with their queries, or a `slice` (state.js) and what that has to know of it.
 * `keys.search` is the id of the field that `/` goes to; a view without one leaves that key to the dialog.
 * What each needs of the server and how it is drawn: static/js/views.js.
 */

import { images, pools } from "./clusters/cluster_views.js";
import { home } from "./home.js";

export const VIEWS = [home, pools, images];

export function viewNamed(name) {
  return VIEWS.find((view) => view.name === name) ?? null;
}
