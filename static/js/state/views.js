/**
 * The views, in the order of the bar; one at a time is shown below the dialogs. Pure.
 *
 * A view has a `name`, as in the address, and a `title`. `place` is what the address may hold for it (null: nothing): what it
 * can be sorted by (`orderings`, with `ordering` as the default) and which `forms` open over it. `state` is what it adds to the
 * state: `lists` of tasks, as queries by name, or a `slice` (state.js) with what that has to know of the view.
 * `keys.search` is the id of the field that `/` focuses; in a view without one, that key opens the dialog.
 * static/js/views.js says what each view needs from the server and how it is drawn.
 */

import { images, pools } from "./clusters/cluster_views.js";
import { home } from "./home.js";

export const VIEWS = [home, pools, images];

export function viewNamed(name) {
  return VIEWS.find((view) => view.name === name) ?? null;
}
