/** The time line of a task. Pure. */

import { counted, number, runtimeSeconds } from "../../text/format.js";
import { RUNNING, isPending } from "../../text/statuses.js";

/**
 * Returns what happened to a task, in order: `{kind, at, text, seconds?}`. `at` is null for periods, `seconds` is how long one
 * took, if that is known. The kinds are created, waited, started, interrupted, resumed, running, ended and stopping.
 */
export function timeline(task, interruptions, rounds = []) {
  return [...beginning(task), ...middle(task, interruptions, rounds), ...end(task)];
}

function beginning(task) {
  const { created, started, ended } = task;
  const waitedUntil = started ?? ended;
  const by = task.created_by ? ` by ${task.created_by}` : "";
  const events = [{ kind: "created", at: created, text: `Created${by}` }];
  if (waitedUntil === null) events.push({ kind: "waited", at: null, text: "Waiting" });
  else if (between(created, waitedUntil) >= 1) {
    events.push({ kind: "waited", at: null, text: "Waited", seconds: between(created, waitedUntil) });
  }
  if (started !== null) events.push({ kind: "started", at: started, text: "Started" });
  return events;
}

function middle(task, interruptions, rounds) {
  const others = task.interruptions - interruptions.length;
  const last = interruptions.length - 1;
  const listed = interruptions.flatMap((one, index) => interruption(one, index === last ? rounds : []));
  if (others <= 0) return listed;
  return [{ kind: "interrupted", at: null, text: counted(others, listed.length > 0 ? "earlier interruption" : "interruption") }, ...listed];
}

function interruption({ at, resumed }, rounds) {
  const interrupted = { kind: "interrupted", at, text: "Interrupted" };
  if (resumed === null) return [interrupted];
  const first = rounds.find((round) => round.at >= resumed);
  const text = first ? `Resumed with round ${number(first.number)}` : "Resumed";
  return [interrupted, { kind: "resumed", at: resumed, text, seconds: between(at, resumed) }];
}

function end(task) {
  if (task.stopping) return [ended(task), { kind: "stopping", at: null, text: "Finishing its last round" }];
  if (!isPending(task.status)) return [ended(task)];
  return task.status === RUNNING ? [{ kind: "running", at: null, text: "Running" }] : [];
}

function ended(task) {
  const by = task.ended_by ? ` by ${task.ended_by}` : "";
  const event = { kind: "ended", at: task.ended, text: `${task.status}${by}` };
  const seconds = runtimeSeconds(task);
  return seconds === null ? event : { ...event, seconds };
}

function between(from, to) {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}
