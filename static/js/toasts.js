/** Short messages about what happened: tasks that ended, one message per status, and calls that failed. Pure. */

import { ABORTED, EXCEPTION, FINISHED, isFailed } from "./statuses.js";
import { endedNames, endedTitle } from "./words.js";

/** For how long each is shown, in milliseconds; a failure until it is closed. */
const LASTS = { [FINISHED]: 5000, [ABORTED]: 8000, [EXCEPTION]: Infinity };
const NAMES_KEPT = 2;

/** With the tasks that ended in a frame added to the messages about others of their status. */
export function withEndings(toasts, frame, nameOf, now) {
  return Object.keys(LASTS).reduce((result, status) => {
    const ended = frame.transitions.filter(({ to }) => to === status);
    return ended.length === 0 ? result : withEnded(result, status, ended.map(({ task }) => nameOf(task)), now);
  }, toasts);
}

function withEnded(toasts, status, names, now) {
  const before = toasts.find((toast) => toast.key === status) ?? { count: 0, names: [] };
  const count = before.count + names.length;
  const kept = [...names.toReversed(), ...before.names].slice(0, NAMES_KEPT);
  const toast = { key: status, status, count, names: kept, until: now + LASTS[status] };
  return [...toasts.filter(({ key }) => key !== status), toast];
}

/** With a message that something the person asked for did not work. */
export function withFailure(toasts, text) {
  const toast = { key: "failure", status: null, text, until: Infinity };
  return [...toasts.filter(({ key }) => key !== toast.key), toast];
}

export function without(toasts, key) {
  return toasts.filter((toast) => toast.key !== key);
}

/** Without those about failed tasks: the person goes to see them. */
export function withoutFailed(toasts) {
  return toasts.filter(({ status }) => !isFailed(status));
}

/** Those whose time is not up. */
export function current(toasts, now) {
  return toasts.every(({ until }) => until > now) ? toasts : toasts.filter(({ until }) => until > now);
}

/** When the next one goes, in milliseconds since 1970; Infinity if none does. */
export function nextEnd(toasts) {
  return Math.min(Infinity, ...toasts.map(({ until }) => until));
}

export function isFailure(toast) {
  return toast.status !== FINISHED;
}

export function title(toast) {
  return toast.status === null ? toast.text : endedTitle(toast.status, toast.count, toast.names);
}

export function details(toast) {
  return toast.status === null ? "" : endedNames(toast.count, toast.names);
}
