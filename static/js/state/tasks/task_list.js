/**
 * A list of tasks on the screen: a page as the server returns it, updated by frames. Pure.
 *
 * The server alone decides which tasks belong to the page and in which order: `next`. `order` holds the rows on the
 * screen; they become those of `next` when they are `settled`, which does not happen while a person is in them, so
 * that no row moves away from under the pointer. If a frame may have changed the page, the list becomes stale. The rest is
 * as in paged_list.js.
 */

import { ESTIMATED, TABS } from "../../text/statuses.js";
import { answeredWith, asking, isAnswered, isExpected, loadBegan as began, unanswered } from "../paged_list.js";

/** Why a row that is still on the screen is no longer in the list (`gone`). */
export const DELETED = "Deleted";
export const NOT_LISTED = "No longer in this list";

/** How many tasks are loaded to sort by estimates here. Only running tasks have one, and there are at most 256 workers. */
const MOST_ESTIMATED = 500;
const MOST_FRAMES = 200;

const MOVED_BY_TRANSITIONS = ["status", ESTIMATED];
const MOVED_BY_PROGRESS = ["percent", "last_modified", ESTIMATED];

export function listOf(query) {
  return unanswered(query, { tasks: new Map(), order: [], next: [], isExact: true, countedAt: 0, asOf: 0, hasGap: false });
}

/** Returns the list for a query: the same one as long as the query is the same; else it keeps its rows until the new ones
 * arrive. */
export function following(list, query) {
  if (query === null) return null;
  return list === null || list.query.tab !== query.tab ? listOf(query) : asking(list, query);
}

export function belongs(list, task) {
  return !task.gone && TABS[list.query.tab].statuses.includes(task.status);
}

// Loading.

/** Returns the request to the server: `{statuses, search, ordering, page, pageSize}`. */
export function requestOf({ tab, search, ordering, page, size }) {
  const request = { statuses: TABS[tab].statuses, search, ordering, page, pageSize: size };
  if (ordering.replace("-", "") !== ESTIMATED) return request;
  const isCut = page * size <= MOST_ESTIMATED;
  return { ...request, ordering: "-status", ...(isCut ? { page: 1, pageSize: MOST_ESTIMATED } : {}) };
}

function cutOf({ ordering, page, size }, tasks) {
  if (ordering.replace("-", "") !== ESTIMATED || page * size > MOST_ESTIMATED) return tasks;
  const direction = ordering.startsWith("-") ? -1 : 1;
  const known = tasks.filter((task) => task.estimated !== null);
  known.sort((one, other) => direction * (Date.parse(one.estimated) - Date.parse(other.estimated)));
  return [...known, ...tasks.filter((task) => task.estimated === null)].slice((page - 1) * size, page * size);
}

/** Notes that a request begins. Only the answer to the last one counts. `revision` is that of the last change received. */
export function loadBegan(list, number, revision) {
  return began(list, { number, revision, frames: [], hasMore: false });
}

/** Applies an answer, and the frames that came meanwhile. An answer older than what was known when it was requested is dropped,
 * and requested again. */
export function withAnswer(list, number, page) {
  if (!isExpected(list, number)) return list;
  const { revision, frames, hasMore } = list.loading;
  if (page.revision < revision) return { ...list, loading: null, isStale: true };
  const listed = cutOf(list.query, page.results);
  const answered = answeredWith(list, {
    tasks: new Map([...remembered(list, page), ...listed.map((task) => [task.id, task])]),
    order: isAnswered(list) ? list.order : listed.map((task) => task.id),
    next: listed.map((task) => task.id),
    count: page.count,
    isExact: page.count_exact,
    countedAt: page.revision,
    asOf: page.revision,
    hasGap: false,
    isStale: list.isStale || hasMore,
  });
  return frames.reduce(withFrame, answered);
}

/** Returns the rows on the screen that the answer does not contain: as last known, or marked if changes may have been
 * missed. */
function remembered(list, page) {
  const listed = new Set(page.results.map((task) => task.id));
  const others = rows(list).filter((task) => !listed.has(task.id));
  return others.map((task) => [task.id, list.hasGap ? { gone: NOT_LISTED, ...task } : task]);
}

/** Requests the list again, since changes may have been missed; a pending answer is dropped. */
export function withGap(list) {
  return { ...list, loading: null, hasGap: true, isStale: true };
}

// Frames.

/** Applies a frame: transitions, then tasks, then deletions. A frame older than the answer changes nothing. */
export function withFrame(list, frame) {
  if (frame.revision <= list.asOf) return list;
  const tasks = touched(list, frame) ? changed(list.tasks, frame) : list.tasks;
  const isStale = list.isStale || mayMove(list, frame);
  return { ...list, tasks, asOf: frame.revision, loading: collecting(list.loading, frame), isStale };
}

function collecting(loading, frame) {
  if (loading === null) return null;
  if (loading.frames.length === MOST_FRAMES) return { ...loading, hasMore: true };
  return { ...loading, frames: [...loading.frames, frame] };
}

function touched({ tasks }, { transitions, tasks: news, deleted }) {
  const ids = [...transitions.map(({ task }) => task), ...news.map(({ id }) => id), ...deleted];
  return ids.some((id) => tasks.has(id));
}

function changed(known, frame) {
  const tasks = new Map(known);
  for (const transition of frame.transitions) applyTransition(tasks, transition);
  for (const task of frame.tasks) applyTask(tasks, task);
  for (const id of frame.deleted) if (tasks.has(id)) tasks.set(id, { ...tasks.get(id), gone: DELETED });
  return tasks;
}

function applyTransition(tasks, { task: id, to, revision }) {
  const known = tasks.get(id);
  if (known && known.revision < revision) tasks.set(id, { ...known, status: to, revision });
}

function applyTask(tasks, task) {
  const known = tasks.get(task.id);
  if (known && known.revision <= task.revision) tasks.set(task.id, task);
}

/** Returns whether a frame may change which tasks are on the page, or their order. */
function mayMove({ query: { tab, ordering } }, frame) {
  const { statuses } = TABS[tab];
  const key = ordering.replace("-", "");
  const isHere = (status) => statuses.includes(status);
  const moves = ({ from, to }) => isHere(from) !== isHere(to) || (isHere(to) && MOVED_BY_TRANSITIONS.includes(key));
  if (frame.deleted.length > 0 || frame.transitions.some(moves)) return true;
  return MOVED_BY_PROGRESS.includes(key) && frame.tasks.some(({ status }) => isHere(status));
}

// The rows.

/** Returns the rows on the screen, each as it is now. */
export function rows(list) {
  return list.order.map((id) => list.tasks.get(id));
}

/** Returns the rows that would be on the screen if nobody were in them. */
function due(list) {
  return list.next.filter((id) => belongs(list, list.tasks.get(id)));
}

/** Brings order and membership of the rows up to date. */
export function settled(list) {
  const order = due(list);
  const isSettled = isSameOrder(order, list.order);
  if (isSettled && list.tasks.size === list.next.length) return list;
  const remaining = new Set(list.next);
  const tasks = new Map([...list.tasks].filter(([id]) => remaining.has(id)));
  return { ...list, order: isSettled ? list.order : order, tasks };
}

function isSameOrder(order, other) {
  return order.length === other.length && order.every((id, at) => id === other[at]);
}

/** Returns what is waiting to be shown: how many tasks are new (`count`), and whether any row would move (`hasMoved`). */
export function heldBack(list) {
  const shown = new Set(list.order);
  const order = due(list);
  return { count: order.filter((id) => !shown.has(id)).length, hasMoved: !isSameOrder(order, list.order) };
}
