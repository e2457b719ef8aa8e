/**
 * A list of tasks on the screen: a page of them as the server answers it, kept up to date by frames. Pure.
 *
 * The server alone says which tasks belong to the page and in which order: `next`. `order` names the rows on the
 * screen; they become those of `next` when they are `settled`, which does not happen while a person is in them, so
 * that no row moves away from under the pointer. What a frame may have changed of the page makes the list stale.
 * `answered` is the query that the rows answer, `query` the one that is asked for; `loading` a request under way.
 * `searchError` is what the server has against the search of the query, `error` why there was no answer else.
 */

import { ESTIMATED, TABS } from "../../text/statuses.js";

/** Why a row that is still on the screen is not in the list any more (`gone`). */
export const DELETED = "Deleted";
export const NOT_LISTED = "No longer in this list";

/** What a page sorted by its estimates is cut from. Only running tasks have them, and there are at most 256 workers. */
const MOST_ESTIMATED = 500;
const MOST_FRAMES = 200;

const MOVED_BY_TRANSITIONS = ["status", ESTIMATED];
const MOVED_BY_PROGRESS = ["percent", "last_modified", ESTIMATED];

export function listOf(query) {
  return {
    query,
    answered: null,
    tasks: new Map(),
    order: [],
    next: [],
    count: 0,
    isExact: true,
    countedAt: 0,
    asOf: 0,
    hasGap: false,
    isStale: true,
    loading: null,
    error: "",
    searchError: "",
  };
}

/** The list for a query: the same one as long as it asks for the same, and its rows until the others are there. */
export function following(list, query) {
  if (query === null) return null;
  if (list === null || list.query.tab !== query.tab) return listOf(query);
  return isSame(list.query, query) ? list : { ...list, query, loading: null, error: "", searchError: "", isStale: true };
}

export function isSame(query, other) {
  return query !== null && other !== null && Object.keys(query).every((key) => query[key] === other[key]);
}

/** Whether the rows answer what is asked for now. */
export function isAnswered(list) {
  return isSame(list.answered, list.query);
}

export function belongs(list, task) {
  return !task.gone && TABS[list.query.tab].statuses.includes(task.status);
}

// Loading.

/** What to ask the server for: `{statuses, search, ordering, page, pageSize}`. */
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

/** A request begins. Only the answer to the last one counts. `revision` is how far the page knows the changes. */
export function loadBegan(list, number, revision) {
  return { ...list, isStale: false, loading: { number, revision, frames: [], hasMore: false } };
}

/** An answer, brought up to the present by the frames that came meanwhile. One that is older than what we knew when
 * we asked is dropped, and asked for again. */
export function withAnswer(list, number, page) {
  if (list.loading?.number !== number) return list;
  const { revision, frames, hasMore } = list.loading;
  if (page.revision < revision) return { ...list, loading: null, isStale: true };
  const listed = cutOf(list.query, page.results);
  const answered = {
    ...list,
    answered: list.query,
    tasks: new Map([...remembered(list, page), ...listed.map((task) => [task.id, task])]),
    order: isAnswered(list) ? list.order : listed.map((task) => task.id),
    next: listed.map((task) => task.id),
    count: page.count,
    isExact: page.count_exact,
    countedAt: page.revision,
    asOf: page.revision,
    hasGap: false,
    isStale: list.isStale || hasMore,
    loading: null,
    error: "",
    searchError: "",
  };
  return frames.reduce(withFrame, answered);
}

/** The rows on the screen that the answer does not have: as they were last known, unless changes were missed. */
function remembered(list, page) {
  const listed = new Set(page.results.map((task) => task.id));
  const others = rows(list).filter((task) => !listed.has(task.id));
  return others.map((task) => [task.id, list.hasGap ? { gone: NOT_LISTED, ...task } : task]);
}

/** `errors` are what the server says of single parameters: one that is about the search is told at its field. */
export function loadFailed(list, number, error, errors = {}) {
  return list.loading?.number === number ? { ...list, loading: null, ...refusal(error, errors) } : list;
}

/** `{ error, searchError }` of a list, from what a Problem says. */
export function refusal(error, { search = [] }) {
  return search.length > 0 ? { error: "", searchError: search.join(" ") } : { error, searchError: "" };
}

/** Changes were missed, or may have been: an answer under way is not for us. */
export function withGap(list) {
  return { ...list, loading: null, hasGap: true, isStale: true };
}

// Frames.

/** After a frame: transitions, then tasks, then what was deleted. One that is older than the answer changes nothing. */
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

/** Whether a frame may change which tasks are on the page, or their order. */
function mayMove({ query: { tab, ordering } }, frame) {
  const { statuses } = TABS[tab];
  const key = ordering.replace("-", "");
  const isHere = (status) => statuses.includes(status);
  const moves = ({ from, to }) => isHere(from) !== isHere(to) || (isHere(to) && MOVED_BY_TRANSITIONS.includes(key));
  if (frame.deleted.length > 0 || frame.transitions.some(moves)) return true;
  return MOVED_BY_PROGRESS.includes(key) && frame.tasks.some(({ status }) => isHere(status));
}

// The rows.

/** The rows on the screen, each as it is now. */
export function rows(list) {
  return list.order.map((id) => list.tasks.get(id));
}

/** The rows that the screen would show if nobody were in them. */
function due(list) {
  return list.next.filter((id) => belongs(list, list.tasks.get(id)));
}

/** Brings order and membership of the rows up to date. */
export function settled(list) {
  const order = due(list);
  const isSettled = isSameOrder(order, list.order);
  if (isSettled && list.tasks.size === list.next.length) return list;
  const kept = new Set(list.next);
  const tasks = new Map([...list.tasks].filter(([id]) => kept.has(id)));
  return { ...list, order: isSettled ? list.order : order, tasks };
}

function isSameOrder(order, other) {
  return order.length === other.length && order.every((id, at) => id === other[at]);
}

/** What waits to get on the screen: how many tasks are new there (`count`), and whether anything would move at all. */
export function heldBack(list) {
  const shown = new Set(list.order);
  const order = due(list);
  return { count: order.filter((id) => !shown.has(id)).length, hasMoved: !isSameOrder(order, list.order) };
}

/** How many pages there are; at least as many where the count is not exact. */
export function pagesOf({ count, answered, query }) {
  return Math.max(1, Math.ceil(count / (answered ?? query).size));
}

/** Where an answer lies past the end, since tasks have gone: the last page that has some. Else null. */
export function pageInstead(list) {
  if (!isAnswered(list) || list.next.length > 0 || list.query.page === 1) return null;
  return Math.min(pagesOf(list), list.query.page - 1);
}

/** Whether nothing can be in it: it is answered and empty. */
export function isEmpty(list) {
  return list.answered !== null && list.order.length === 0;
}
