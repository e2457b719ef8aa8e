/**
 * The tasks of one tab as the page holds them: the server's first page, kept up to date by frames. Pure.
 *
 * `tasks` knows more than is shown: `order` names the rows on the screen. They are brought together by `settled`,
 * which does not happen while a person is in the table, so that no row moves away from under the pointer.
 */

import { PAGE_SIZE, TABS } from "./statuses.js";

/** Why a row that is still on the screen is not in the list any more (`gone`). */
export const DELETED = "Deleted";
export const NOT_LISTED = "No longer in this list";

export function belongs(tab, task) {
  return !task.gone && TABS[tab].statuses.includes(task.status);
}

/** From an answer of `GET taskqueue`. */
export function fromPage(tab, page) {
  return {
    tab,
    tasks: new Map(page.results.map((task) => [task.id, task])),
    order: page.results.map((task) => task.id),
    asOf: page.revision,
    hasMore: page.count > page.results.length,
  };
}

/** A new answer for a table that is on the screen: the rows stay where they are, as they are now. */
export function keepingRows(list, fresh) {
  if (list?.tab !== fresh.tab) return fresh;
  const shown = rows(list).map((task) => fresh.tasks.get(task.id) ?? { gone: NOT_LISTED, ...task });
  const tasks = new Map([...shown, ...fresh.tasks.values()].map((task) => [task.id, task]));
  return { ...fresh, tasks, order: list.order };
}

/** The rows on the screen, each as it is now. */
export function rows(list) {
  return list.order.map((id) => list.tasks.get(id));
}

/** The list after a frame: transitions, then tasks, then what was deleted. A frame that is older changes nothing. */
export function withChanges(list, frame) {
  if (frame.revision <= list.asOf) return list;
  const tasks = new Map(list.tasks);
  for (const transition of frame.transitions) applyTransition(tasks, transition);
  for (const task of frame.tasks) applyTask(tasks, task);
  for (const id of frame.deleted) applyDeletion(tasks, id);
  return bounded({ ...list, tasks, asOf: frame.revision });
}

function applyTransition(tasks, { task: id, to, revision }) {
  const known = tasks.get(id);
  if (known && known.revision < revision) tasks.set(id, { ...known, status: to, revision });
}

function applyTask(tasks, task) {
  const known = tasks.get(task.id);
  if (!known || known.revision <= task.revision) tasks.set(task.id, task);
}

function applyDeletion(tasks, id) {
  const known = tasks.get(id);
  if (known) tasks.set(id, { ...known, gone: DELETED });
}

/** Keeps the rows on the screen, and at most a page of those that wait to get there. */
function bounded(list) {
  const shown = rows(list);
  const waiting = inOrder(list.tab, [...list.tasks.values()].filter((task) => isWaiting(list, task)));
  const kept = waiting.slice(0, PAGE_SIZE);
  const tasks = new Map([...shown, ...kept].map((task) => [task.id, task]));
  return { ...list, tasks, hasMore: list.hasMore || kept.length < waiting.length };
}

/** Whether it would be a row if the rows were settled now: on a full page, what comes after its end would not. */
function isWaiting(list, task) {
  if (list.order.includes(task.id) || !belongs(list.tab, task)) return false;
  const last = list.tasks.get(list.order[PAGE_SIZE - 1]);
  return !(list.hasMore && last) || comparison(list.tab)(task, last) < 0;
}

function inOrder(tab, tasks) {
  return tasks.sort(comparison(tab));
}

function comparison(tab) {
  return tab === "pending" ? byId : byModification;
}

function byId(one, other) {
  return other.id - one.id;
}

function byModification(one, other) {
  if (one.last_modified === other.last_modified) return byId(one, other);
  return one.last_modified < other.last_modified ? 1 : -1;
}

/** Brings order and membership of the rows up to date: a page of those that belong here, the newest first. */
export function settled(list) {
  const members = inOrder(list.tab, [...list.tasks.values()].filter((task) => belongs(list.tab, task)));
  const order = members.slice(0, PAGE_SIZE).map((task) => task.id);
  const isSame = order.length === list.tasks.size && order.every((id, at) => id === list.order[at]);
  if (isSame && order.length === list.order.length) return list;
  const tasks = new Map(order.map((id) => [id, list.tasks.get(id)]));
  return { ...list, tasks, order, hasMore: list.hasMore || members.length > PAGE_SIZE };
}

/** How many tasks wait to get on the screen. */
export function heldBack(list) {
  return list.tasks.size - list.order.length;
}

/** Whether rows have left a full page, so that the server has some to fill it up again. */
export function isShort(list, count) {
  return list.hasMore && list.order.length < Math.min(PAGE_SIZE, count ?? 0);
}
