/** The last hour, as series for charts and in words, and the state of the workers. Pure. */

import { duration, number, timeOfDay } from "../text/format.js";

const MINUTE_MILLISECONDS = 60000;
const SECONDS_A_MINUTE = 60;

/** Returns how long ago each minute was: from -59 to 0, the present one. */
function minutesBack(minutes) {
  return minutes.map((minute, index) => index + 1 - minutes.length);
}

function columns(minutes, ...names) {
  return Object.fromEntries(names.map((name) => [name, minutes.map((minute) => minute[name])]));
}

/** Returns how many tasks ended in each minute. */
export function throughput(minutes) {
  return { x: minutesBack(minutes), ...columns(minutes, "finished", "failed") };
}

/** Returns how long the tasks that were started in each minute had waited, in seconds; null if none was. */
export function waiting(minutes) {
  return { x: minutesBack(minutes), seconds: minutes.map((minute) => minute.waiting_seconds) };
}

export function sumOf(minutes, name) {
  return minutes.reduce((sum, minute) => sum + minute[name], 0);
}

/** Returns the mean over all tasks that were started, not over the minutes; null if none was. */
export function meanWaitingSeconds(minutes) {
  const started = sumOf(minutes, "started");
  const waited = minutes.reduce((sum, minute) => sum + minute.started * (minute.waiting_seconds ?? 0), 0);
  return started === 0 ? null : waited / started;
}

/** Returns `142 ended in the last hour, 3 failed`. */
export function throughputText(minutes) {
  const failed = sumOf(minutes, "failed");
  const ended = sumOf(minutes, "finished") + failed;
  if (ended === 0) return "No tasks ended in the last hour.";
  return `${number(ended)} ended in the last hour, ${failed === 0 ? "none" : number(failed)} failed`;
}

/** Returns `Tasks waited 400 ms on average`. */
export function meanWaitingText(minutes) {
  const seconds = meanWaitingSeconds(minutes);
  if (seconds === null) return "No tasks were started in the last hour.";
  return `Tasks waited ${duration(seconds)} on average`;
}

/** Returns when a minute began, as `14:32:00`; `back` is one of those that `minutesBack` returns. */
export function minuteText(minutes, back) {
  return timeOfDay(Date.parse(minutes.at(-1).minute) + back * MINUTE_MILLISECONDS);
}

/** Returns how long ago it was, for the axis. */
export function backText(back) {
  return back === 0 ? "now" : `${duration(-back * SECONDS_A_MINUTE)} ago`;
}

/** Returns `2 of 4 busy`. */
export function workersText(workers) {
  const busy = workers.filter(({ state }) => state === "busy").length;
  return `${busy === 0 ? "none" : number(busy)} of ${number(workers.length)} busy`;
}

/** Splits `failed to start: no such module` into the state's word and its reason. */
export function stateWords(state) {
  const [word, ...rest] = state.split(": ");
  return { word, reason: rest.join(": ") };
}

/** Returns how many of all pending tasks run and how many wait: `2 running, 1 waiting`; empty without any. */
export function pendingText(running, waitingCount) {
  const parts = [];
  if (running > 0) parts.push(`${number(running)} running`);
  if (waitingCount > 0) parts.push(`${number(waitingCount)} waiting`);
  return parts.join(", ");
}
