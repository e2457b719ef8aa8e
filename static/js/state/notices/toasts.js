/**
 * Short messages about what happened: tasks that ended, one message per status, calls that failed, and notes. Pure.
 *
 * The newest is the last. `until` is when a message disappears, by `performance.now()`. While messages are held, because
 * somebody is reading them, their time stands still: each has `left`, its remaining milliseconds, instead.
 */

import { endedNames, endedTitle } from "../../text/sentences.js";
import { ABORTED, EXCEPTION, FINISHED, isFailed } from "../../text/statuses.js";

/** How long each is shown, in milliseconds; failures stay until they are closed. */
const LASTS = { [FINISHED]: 5000, [ABORTED]: 8000, [EXCEPTION]: Infinity };
const NOTE_LASTS = 3000;
const TASKS_NAMED = 2;
const CARDS_SHOWN = 2;

/** Adds the tasks that ended in a frame to the messages for their statuses. */
export function withEndings(toasts, frame, nameOf, now) {
  return Object.keys(LASTS).reduce((result, status) => {
    const ids = frame.transitions.filter(({ to }) => to === status).map(({ task }) => task);
    return ids.length === 0 ? result : withEnded(result, status, ids, nameOf, now);
  }, toasts);
}

function withEnded(toasts, status, ended, nameOf, now) {
  const before = toasts.find((toast) => toast.key === status) ?? { count: 0, ids: [], names: [] };
  const newest = ended.slice(-TASKS_NAMED).toReversed();
  const ids = [...newest, ...before.ids].slice(0, TASKS_NAMED);
  const names = [...newest.map(nameOf), ...before.names].slice(0, TASKS_NAMED);
  return withToast(toasts, { key: status, status, count: before.count + ended.length, ids, names }, LASTS[status], now);
}

/** Adds a message that something a person tried did not work. */
export function withFailure(toasts, text) {
  return withToast(toasts, { key: "failure", status: null, text, count: 1, ids: [] }, Infinity, 0);
}

/** Adds a note that something worked, for actions without another visible effect: `Copied`. */
export function withNote(toasts, text, now) {
  return withToast(toasts, { key: "note", status: null, text, count: 1, ids: [] }, NOTE_LASTS, now);
}

/** Replaces the message with the same key. If the others are held, the new one is held as well. */
function withToast(toasts, toast, lasts, now) {
  const time = isHeld(toasts) ? { until: Infinity, left: lasts } : { until: now + lasts };
  return [...without(toasts, toast.key), { ...toast, ...time }];
}

export function without(toasts, key) {
  return toasts.filter((toast) => toast.key !== key);
}

/** Drops those about failed tasks, since the person is now looking at these. */
export function withoutFailed(toasts) {
  return toasts.filter(({ status }) => !isFailed(status));
}

// Time.

function isHeld(toasts) {
  return toasts.some(({ left }) => left !== undefined);
}

/** Stops the time of the messages, until they are released. */
export function held(toasts, now) {
  if (toasts.length === 0 || isHeld(toasts)) return toasts;
  return toasts.map((toast) => ({ ...toast, until: Infinity, left: toast.until - now }));
}

/** Lets their time run on from where it was stopped. */
export function released(toasts, now) {
  if (!isHeld(toasts)) return toasts;
  return toasts.map(({ left, ...toast }) => ({ ...toast, until: now + left }));
}

/** Returns the messages whose time is not up. */
export function current(toasts, now) {
  return toasts.every(({ until }) => until > now) ? toasts : toasts.filter(({ until }) => until > now);
}

/** Returns when the next one disappears, by `performance.now()`; Infinity if none does. */
export function nextEnd(toasts) {
  return Math.min(Infinity, ...toasts.map(({ until }) => until));
}

// What is shown.

/** Returns the two newest as cards, the newest first, and the number of tasks and messages in all others. */
export function shown(toasts) {
  const newestFirst = toasts.toReversed();
  const more = newestFirst.slice(CARDS_SHOWN).reduce((sum, { count }) => sum + count, 0);
  return { cards: newestFirst.slice(0, CARDS_SHOWN), more };
}

export function isNote(toast) {
  return toast.key === "note";
}

export function isFailure(toast) {
  return toast.status !== FINISHED && !isNote(toast);
}

export function title(toast) {
  return toast.status === null ? toast.text : endedTitle(toast.status, toast.count, toast.names);
}

export function details(toast) {
  return toast.status === null ? "" : endedNames(toast.count, toast.names);
}

/** Returns the id of the task that it is about; null if it is about several, or about none. */
export function taskOf(toast) {
  return toast.count === 1 && toast.ids.length === 1 ? toast.ids[0] : null;
}
