/** The lists of tasks on the screen and the selection, within the state. Pure. */

import * as paged from "../paged_list.js";
import { viewAt } from "../place.js";
import { NOTHING, allClicked, allMatching, clicked, limitedTo } from "../selection.js";
import { eachSlice, went } from "../state.js";
import * as openTask from "./open_task.js";
import * as taskList from "./task_list.js";

export function withLists(state, apply) {
  const lists = Object.entries(state.lists).map(([name, list]) => [name, list && apply(list)]);
  return { ...state, lists: Object.fromEntries(lists) };
}

function withList(state, name, list) {
  return list === state.lists[name] ? state : { ...state, lists: { ...state.lists, [name]: list } };
}

/** Returns the names of the lists that are visible. Those under the dialog or a task rest, once they are loaded. */
export function visibleLists({ store, isLeaving, place, lists }) {
  if (store === null || isLeaving || (place.task !== null && place.tab === null)) return [];
  const below = Object.keys(viewAt(place).state.lists ?? {});
  return place.tab === null ? below : ["dialog", ...below.filter((name) => lists[name].answered === null)];
}

export function loadBegan(state, name) {
  const loads = state.loads + 1;
  return { ...withList(state, name, taskList.loadBegan(state.lists[name], loads, state.revision)), loads };
}

export function withAnswer(state, name, number, page) {
  const list = state.lists[name];
  if (list?.loading?.number !== number) return state;
  if (page.store !== state.store) return { ...state, needs: { ...state.needs, connect: true } };
  return pruned(inBounds(withList(state, name, taskList.withAnswer(list, number, page)), name));
}

/** Goes to the last page if so many tasks were removed that the present page lies past the end. */
function inBounds(state, name) {
  const page = name === "dialog" ? paged.pageInstead(state.lists.dialog, state.lists.dialog.next) : null;
  return page === null ? state : went({ ...state, needs: { ...state.needs, address: true } }, { ...state.place, page });
}

export function loadFailed(state, name, number, error, errors) {
  const list = state.lists[name];
  return list === null ? state : withList(state, name, paged.loadFailed(list, number, error, errors));
}

/** Requests again what could not be loaded. */
export function reloadAsked(state) {
  const open = state.open?.error ? openTask.withGap(state.open) : state.open;
  const slices = eachSlice(state, (slice, part) => slice.retried(part));
  return withLists({ ...state, open, ...slices }, paged.retried);
}

// The rows on the screen.

/** Settles the lists before drawing: the rows follow their list unless a person is in them, as `isIn(name)` says. */
export function settle(state, isIn) {
  const free = Object.keys(state.lists).filter((name) => state.lists[name] !== null && !isHeld(state, name, isIn));
  return free.reduce((next, name) => withSettled(next, name), state);
}

/** Returns whether a list stands still: the person is in it or, in the dialog, has selected rows or opened something over
 * them. */
export function isHeld({ selection, place, confirm }, name, isIn) {
  const isLeftOpen = selection.ids.size > 0 || place.task !== null || confirm !== null;
  return isIn(name) || (name === "dialog" && isLeftOpen);
}

/** Shows the rows as they are now. */
export function updatesApplied(state, name) {
  return pruned(withSettled(state, name));
}

/** Settles a list; with the failures, also which of them are shown as new. */
function withSettled(state, name) {
  const next = withList(state, name, taskList.settled(state.lists[name]));
  return name === "failures" && next.unseenShown !== next.unseen ? { ...next, unseenShown: next.unseen } : next;
}

// Selecting.

export function rowClicked(state, id, withShift) {
  return { ...state, selection: clicked(state.selection, chooseable(state.lists.dialog), id, withShift) };
}

export function selectAllClicked(state) {
  return { ...state, selection: allClicked(state.selection, chooseable(state.lists.dialog)) };
}

/** Selects all tasks that match the query of the rows, on all pages, as of the revision that the person sees. */
export function allMatchingChosen(state) {
  const { dialog } = state.lists;
  const { answered, count, isExact, countedAt } = dialog;
  return { ...state, selection: allMatching(chooseable(dialog), { query: answered, count, isExact, asOf: countedAt }) };
}

export function selectionCleared(state) {
  return { ...state, selection: NOTHING };
}

/** Returns the ids of rows that can be selected: all but those that were deleted while on the screen. */
export function chooseable(list) {
  return list === null ? [] : taskList.rows(list).filter((task) => !task.gone).map((task) => task.id);
}

export function pruned(state) {
  if (state.selection.ids.size === 0 || state.lists.dialog === null) return state;
  const selection = limitedTo(state.selection, chooseable(state.lists.dialog));
  return selection === state.selection ? state : { ...state, selection };
}
