/** The page's sentences, made from numbers and tasks. Pure. */

import { isolated } from "./bidi.js";
import { counted, exactMoment, moment, number, percent, timeOfDay } from "./format.js";
import { offsetText, timeTyped } from "./local_time.js";
import { ABORTED, EXCEPTION, FINISHED, TABS, countOf, isPending } from "./statuses.js";

/** Returns `Counting to 5 #17`: several tasks may have the same description. */
export function numbered({ id, description }) {
  return `${isolated(description)} #${id}`;
}

/** Returns the text of the button in the bar. `failed` is the number of failed tasks not yet seen in this browser. */
export function buttonText(pending, failed, atLeast = false) {
  if (failed > 0) return `${number(failed)}${atLeast ? "+" : ""} Failed-Task${failed === 1 ? "" : "s"}`;
  if (pending === 1) return "1 Background-Task";
  return pending > 1 ? `${number(pending)} Background-Tasks` : "Background-Tasks";
}

export function buttonTooltip(pending, pendingPercent) {
  return pending > 0 ? `${percent(pendingPercent)} done on average` : "No tasks running";
}

/** Returns how far the sand has run: empty, start, half or end. */
export function hourglassFill(pending, pendingPercent) {
  if (pending === 0) return "empty";
  if (pendingPercent < 34) return "start";
  return pendingPercent < 67 ? "half" : "end";
}

/** Returns `Pending (2)`; without the count while it is not known. */
export function tabTitle(tab, counts) {
  const count = countOf(tab, counts);
  return count === null ? TABS[tab].title : `${TABS[tab].title} (${number(count)})`;
}

export function emptyText(tab) {
  return `There are no ${tab} Tasks.`;
}

export function notFoundText(tab, search) {
  return `No ${tab} task matches “${isolated(search)}”.`;
}

/** Returns how fresh the data is. `dataAt` is when it was last known to be current, in milliseconds since 1970. */
export function freshnessText({ phase, dataAt, isPolling }) {
  if (phase === "live") return isPolling ? "Live by polling: a proxy seems to block WebSockets" : "Live";
  if (phase === "stopping") return "Server is stopping";
  if (dataAt === null) return phase === "connecting" ? "Connecting…" : "Reconnecting…";
  return `Reconnecting… data from ${timeOfDay(dataAt)}`;
}

export const WARNING =
  "If you delete running tasks, it will abort the execution and won't roll back what has been done so far!";

/** Returns the sentence that introduces a list of tasks to delete, or that describes the only one. */
export function deleteSentence(chosen) {
  if (chosen.length > 1) return `You are about to delete ${counted(chosen.length, "task")}.`;
  const [{ description, status, last_modified: modified }] = chosen;
  return `You are about to delete ${isolated(description)} task which is ${status} and was last modified on ${exactMoment(modified)}.`;
}

/** Returns the sentence about deleting all tasks that match a list's query, on all pages. */
export function matchingSentence({ query, count, isExact }) {
  const which = query.search === "" ? "" : ` that match “${isolated(query.search)}”`;
  return `You are about to delete ${isExact ? "all" : "more than"} ${number(count)} ${query.tab} tasks${which}.`;
}

export function mayRollNothingBack(chosen) {
  return chosen.some((task) => isPending(task.status));
}

/** Returns why a task was left alone; null if it was not. `task` is as the person saw it; undefined if they did not. */
export function reportSentence(task, { id, outcome, status }) {
  const name = task ? isolated(task.description) : `Task ${id}`;
  if (outcome === "missing") return `${name} had already been deleted`;
  if (outcome !== "changed") return null;
  return task ? `${name} changed from ${task.status} to ${status ?? "deleted"}` : `${name} is now ${status ?? "deleted"}`;
}

/** Returns the outcome of any task. */
export function outcomeSentence(task, result) {
  return reportSentence(task, result) ?? `${task ? isolated(task.description) : `Task ${result.id}`}: ${result.outcome}`;
}

/** Returns `2 tasks deleted, 1 aborted, 1 left alone`. */
export function deletionSummary(results) {
  const count = (...outcomes) => results.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const parts = [
    [count("deleted"), "deleted"],
    [count("aborted"), "aborted"],
    [count("changed", "missing"), "left alone"],
  ];
  const said = parts.filter(([some]) => some > 0);
  const words = said.map(([some, word], at) => `${at === 0 ? counted(some, "task") : number(some)} ${word}`);
  return words.join(", ") || "No tasks deleted";
}

const ENDED = { [FINISHED]: "finished", [EXCEPTION]: "failed", [ABORTED]: "aborted" };

/** Returns a toast's title: one task by its name, several by their number. */
export function endedTitle(status, count, names) {
  if (count === 1) return `${isolated(names[0])} ${status === ABORTED ? "was aborted" : ENDED[status]}`;
  return `${counted(count, "task")} ${status === ABORTED ? "were aborted" : ENDED[status]}`;
}

/** Returns the names below the title of a toast for several: two, then how many more. */
export function endedNames(count, names) {
  return count === 1 ? "" : someNames(count, names);
}

/** Returns `Task 3, Task 2 (+1 more)`. */
export function someNames(count, names) {
  const shown = names.slice(0, 2).map(isolated);
  const more = count - shown.length;
  return shown.join(", ") + (more > 0 ? ` (${moreText(more)})` : "");
}

/** Returns `+3 more`. */
export function moreText(count) {
  return `+${number(count)} more`;
}

/** Returns `2 tasks finished, 1 failed`; "" if none ended. `counts` has how many by the status in which they ended. */
export function endedSummary(counts) {
  const ended = Object.keys(ENDED).filter((status) => counts[status] > 0);
  const howMany = (count, index) => (index === 0 ? counted(count, "task") : number(count));
  return ended.map((status, index) => `${howMany(counts[status], index)} ${ENDED[status]}`).join(", ");
}

/** Returns why a task is not running, as of its last change: later changes of the reason are not reported. */
export function waitingText(task, now) {
  const reason = task.waiting_for?.reason;
  if (reason === "lock") return `waiting for task ${task.waiting_for.task}`;
  if (reason === "schedule") return `waiting until ${moment(task.waiting_for.until, now)}`;
  return reason === "worker" ? "waiting for a worker" : "";
}

const SOON_MILLISECONDS = 10000;

/** Returns the state of an estimated end: null if it is unknown, "ahead", "soon", or "late" if it has passed. */
export function estimateOf({ estimated, stalled }, now) {
  if (!estimated || stalled) return null;
  const left = Date.parse(estimated) - now;
  if (left >= SOON_MILLISECONDS) return "ahead";
  return left > -SOON_MILLISECONDS ? "soon" : "late";
}

/** Returns how far a running task has got: `round 7 of 20`, or that none has ended yet. */
export function underWayText(task) {
  return roundText(task) || "first round under way";
}

/** Returns the earliest start that is typed in a form, with its UTC offset, and a note if the clocks change at that time. */
export function startText({ notBefore, isSecondStart }, zone) {
  const { at, kind } = timeTyped(notBefore, zone, isSecondStart);
  if (at === null) return "";
  const when = zone === "utc" ? exactMoment(at) : `${exactMoment(at)}, ${offsetText(at, zone)}`;
  const oddity = {
    skipped: ": the clocks go forward and skip the time you typed",
    doubled: `, the ${isSecondStart ? "second" : "first"} of two: the clocks go back, so this time occurs twice`,
  }[kind];
  return `Not before ${when}${oddity ?? ""}.`;
}

/** Returns the label for the second occurrence of a time that occurs twice; "" for any other time. */
export function secondStartText({ notBefore }, zone) {
  const { at, kind } = timeTyped(notBefore, zone, true);
  return kind === "doubled" ? `The second of the two, ${offsetText(at, zone)}` : "";
}

/** Returns `round 7 of 20`, or as much of it as is known. */
export function roundText(task) {
  if (!task.round) return "";
  return task.rounds ? `round ${number(task.round)} of ${number(task.rounds)}` : `round ${number(task.round)}`;
}
