/**
 * What is open, and how the page's address represents it. Pure.
 *
 * `tab` is the open tab of the dialog (null: it is closed), with its `search`, `ordering` (null: the tab's own),
 * `page` and `size` (null: as this browser prefers); `task` the open task; `start` the job whose form is open ("":
 * none chosen yet, null: no form), and `from` the task whose values the form takes. `view` is the view below (null: Home):
 * its `name`, the name of the `cluster` (null: the first one), its own `search`, `ordering`, `page` and `size`, and the
 * `form` that is open over it (null: none) for the pool with the id `pool`. `curves` is what is drawn of a task that measures:
 * `measure`, `side`, and the `images` that were chosen (empty: the busiest).
 */

import { PAGE_SIZES, TABS } from "../text/statuses.js";
import { MEASURES, SIDES } from "./clusters/curves.js";
import { viewNamed } from "./views.js";

const ADDRESS = "/openattic/";
/** In characters: an address could not hold a longer one either. */
export const LONGEST_SEARCH = 500;
const MOST_CURVES_NAMED = 20;
const HOME_NAME = "home";

/** What is drawn by default. */
export const NO_CURVES = Object.freeze({ measure: "ops", side: "both", images: Object.freeze([]) });

export const HOME = Object.freeze({
  tab: null,
  search: "",
  ordering: null,
  page: 1,
  size: null,
  task: null,
  start: null,
  from: null,
  view: null,
  curves: NO_CURVES,
});

/** Parses the part of an address after its `?`. Invalid values are ignored. */
export function placeFrom(query) {
  const given = new URLSearchParams(query);
  const tab = given.get("tab");
  const common = {
    ...HOME,
    task: whole(given.get("task")),
    start: given.get("start"),
    from: whole(given.get("from")),
    view: viewFrom(given),
    curves: curvesFrom(given),
  };
  if (!Object.hasOwn(TABS, tab ?? "")) return common;
  return { ...common, tab, ...listFrom((name) => given.get(name), TABS[tab].orderings) };
}

/** Reads the view. Its parameters have a prefix, since the dialog over it uses some of the same names. */
function viewFrom(given) {
  const known = viewNamed(given.get("view"))?.place ?? null;
  if (known === null) return null;
  const own = (parameter) => given.get(`view.${parameter}`);
  const form = known.forms.includes(own("form")) ? own("form") : null;
  return {
    ...atView(given.get("view")),
    cluster: own("cluster"),
    ...listFrom(own, known.orderings),
    form,
    pool: form === null ? null : whole(own("pool")),
  };
}

function curvesFrom(given) {
  if (whole(given.get("task")) === null) return NO_CURVES;
  return {
    measure: Object.hasOwn(MEASURES, given.get("measure") ?? "") ? given.get("measure") : NO_CURVES.measure,
    side: Object.hasOwn(SIDES, given.get("side") ?? "") ? given.get("side") : NO_CURVES.side,
    images: given.getAll("image").slice(0, MOST_CURVES_NAMED),
  };
}

function whole(text) {
  return /^[1-9]\d{0,14}$/.test(text ?? "") ? Number(text) : null;
}

/** Reads what a list shows; `own(name)` returns one of its parameters. */
function listFrom(own, orderings) {
  return {
    search: (own("search") ?? "").slice(0, LONGEST_SEARCH),
    ordering: orderings.includes((own("sort") ?? "").replace(/^-/, "")) ? own("sort") : null,
    page: whole(own("page")) ?? 1,
    size: PAGE_SIZES.find((size) => String(size) === own("size")) ?? null,
  };
}

/** Returns the address of a place, without defaults. */
export function addressOf(place) {
  const query = new URLSearchParams();
  const put = (name, value, ordinary) => value === ordinary || query.set(name, String(value));
  if (place.view !== null) putView(place.view, put);
  put("tab", place.tab, null);
  putList(place, put);
  put("task", place.task, null);
  put("start", place.start, null);
  put("from", place.from, null);
  if (place.task !== null) putCurves(place.curves, put, query);
  const text = query.toString();
  return text === "" ? ADDRESS : `${ADDRESS}?${text}`;
}

function putView(view, put) {
  put("view", view.name, null);
  put("view.cluster", view.cluster, null);
  putList(view, put, "view.");
  put("view.form", view.form, null);
  put("view.pool", view.pool, null);
}

function putList({ search, ordering, page, size }, put, prefix = "") {
  put(`${prefix}search`, search, "");
  put(`${prefix}sort`, ordering, null);
  put(`${prefix}page`, page, 1);
  put(`${prefix}size`, size, null);
}

function putCurves({ measure, side, images }, put, query) {
  put("measure", measure, NO_CURVES.measure);
  put("side", side, NO_CURVES.side);
  for (const image of images) query.append("image", image);
}

/** Returns the place of the dialog with a newly opened tab, over a view. */
export function atTab(tab, view = null) {
  return { ...HOME, tab, view };
}

/** Returns a newly opened view. */
export function atView(name, cluster = null) {
  return { name, cluster, search: "", ordering: null, page: 1, size: null, form: null, pool: null };
}

/** Returns the view that lies below the dialogs and the open task. */
export function viewAt({ view }) {
  return viewNamed(view?.name ?? HOME_NAME);
}

/** Returns whether this view is visible, or hidden only by the dialog. */
export function isAtView(place, name) {
  return viewAt(place).name === name && (place.task === null || place.tab !== null);
}

export function isAtHome(place) {
  return isAtView(place, HOME_NAME);
}

/** Returns the query of the open tab's list; null while the dialog is closed. */
export function queryOf(place, preferredSize) {
  if (place.tab === null) return null;
  return {
    tab: place.tab,
    search: place.search.trim(),
    ordering: place.ordering ?? TABS[place.tab].ordering,
    page: place.page,
    size: place.size ?? preferredSize,
  };
}
