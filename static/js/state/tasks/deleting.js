/**
 * Deleting tasks, from the question to the report of what happened to each. Pure; changes `state`.
 *
 * `confirm` is null or `{tasks, matching, typed, busy, isStopped, results, error}`: the tasks in question, as the person saw
 * them, or all that match (state/selection.js), which the person confirms by typing. `results` are the server's so far.
 * `report` is null or `{summary, left, more, lines}`: the tasks that were left alone (`more` are not named), and each task's
 * outcome, as `{id, text}`.
 */

import { deletionSummary, outcomeSentence, reportSentence } from "../../text/sentences.js";
import { withNote } from "../notices/toasts.js";
import { NOTHING } from "../selection.js";
import { rows } from "./task_list.js";

const MOST_LINES = 100;

/** Asks about the selection, as its tasks are now. */
export function asked(state) {
  const { selection, lists } = state;
  if (selection.ids.size === 0 || state.confirm?.busy) return state;
  const tasks = rows(lists.dialog).filter((task) => selection.ids.has(task.id));
  return { ...state, report: null, confirm: question(tasks, selection.matching) };
}

export function askedAbout(state, task) {
  if (state.confirm?.busy) return state;
  return { ...state, report: null, confirm: question([task], null) };
}

function question(tasks, matching) {
  return { tasks, matching, typed: "", busy: false, isStopped: false, results: [], error: "" };
}

/** Returns what has to be typed before all that match are deleted: their number, or "all" if it is not known exactly. */
export function wordToType({ matching }) {
  if (matching === null) return null;
  return matching.isExact ? String(matching.count) : "all";
}

export function mayDelete(confirm) {
  const word = wordToType(confirm);
  return word === null || confirm.typed.trim().toLowerCase() === word;
}

export function typed(state, text) {
  return withConfirm(state, { typed: text });
}

/** Closes the question, or stops deleting: the current step is completed and then reported. */
export function cancelled(state, now) {
  if (state.confirm?.busy) return withConfirm(state, { isStopped: true });
  return state.confirm?.results.length > 0 ? done(state, now) : { ...state, confirm: null };
}

/** Returns whether a deletion that began with `confirm` continues. */
export function continues(state, confirm) {
  return isStill(state, confirm) && !state.confirm.isStopped;
}

/** Returns whether the question is still the same one. */
export function isStill(state, confirm) {
  return state.confirm?.tasks === confirm.tasks;
}

export function began(state) {
  return withConfirm(state, { busy: true, error: "" });
}

/** Adds the results of a step. */
export function progressed(state, results) {
  return state.confirm ? withConfirm(state, { results: [...state.confirm.results, ...results] }) : state;
}

export function failed(state, error) {
  return withConfirm(state, { busy: false, error });
}

function withConfirm(state, change) {
  return state.confirm === null ? state : { ...state, confirm: { ...state.confirm, ...change } };
}

/** Reports what the server did with the tasks. Those that changed meanwhile were left alone and are named, in the dialog if it
 * is open. */
export function done(state, now) {
  if (state.confirm === null) return state;
  const { tasks, results } = state.confirm;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const described = (say) => (result) => ({ id: result.id, text: say(byId.get(result.id), result) });
  const left = results.map(described(reportSentence)).filter(({ text }) => text !== null);
  const summary = deletionSummary(results);
  const next = { ...state, confirm: null, selection: NOTHING };
  if (left.length === 0) return { ...next, toasts: withNote(state.toasts, summary, now) };
  const lines = results.slice(0, MOST_LINES).map(described(outcomeSentence));
  const more = Math.max(0, left.length - MOST_LINES);
  return { ...next, report: { summary, left: left.slice(0, MOST_LINES), more, lines } };
}

export function reportClosed(state) {
  return { ...state, report: null };
}
