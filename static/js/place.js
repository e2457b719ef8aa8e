/**
 * What is open, and how the address of the page says it. Pure.
 *
 * `tab` is the open tab of the dialog (null: it is closed), with its `search`, `ordering` (null: the tab's own),
 * `page` and `size` (null: as this browser prefers); `task` the open task; `start` the job whose form is open ("":
 * none chosen yet, null: no form), and `from` the task that its form takes its values from.
 */

import { PAGE_SIZES, TABS } from "./statuses.js";

const ADDRESS = "/openattic/";
const LONGEST_SEARCH = 500;

export const HOME = Object.freeze({
  tab: null,
  search: "",
  ordering: null,
  page: 1,
  size: null,
  task: null,
  start: null,
  from: null,
});

/** From the part of an address after its `?`. What makes no sense there is left out. */
export function placeFrom(query) {
  const given = new URLSearchParams(query);
  const tab = given.get("tab");
  const common = { ...HOME, task: whole(given.get("task")), start: given.get("start"), from: whole(given.get("from")) };
  if (!Object.hasOwn(TABS, tab ?? "")) return common;
  const sort = given.get("sort");
  return {
    ...common,
    tab,
    search: (given.get("search") ?? "").slice(0, LONGEST_SEARCH),
    ordering: isOrdering(tab, sort) ? sort : null,
    page: whole(given.get("page")) ?? 1,
    size: PAGE_SIZES.find((size) => String(size) === given.get("size")) ?? null,
  };
}

function whole(text) {
  return /^[1-9]\d{0,14}$/.test(text ?? "") ? Number(text) : null;
}

function isOrdering(tab, text) {
  return TABS[tab].orderings.includes((text ?? "").replace(/^-/, ""));
}

/** The address that shows this place, without what need not be said. */
export function addressOf(place) {
  const query = new URLSearchParams();
  const say = (name, value, unsaid) => value === unsaid || query.set(name, String(value));
  say("tab", place.tab, null);
  say("search", place.search, "");
  say("sort", place.ordering, null);
  say("page", place.page, 1);
  say("size", place.size, null);
  say("task", place.task, null);
  say("start", place.start, null);
  say("from", place.from, null);
  const text = query.toString();
  return text === "" ? ADDRESS : `${ADDRESS}?${text}`;
}

/** The dialog at the beginning of a tab. */
export function atTab(tab) {
  return { ...HOME, tab };
}

/** The list that the open tab asks of the server; null while the dialog is closed. */
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
