/**
 * The open task, with its rounds and interruptions, as `state.open`. Pure.
 *
 * `task` is null while nothing is known about it. `rounds` are all rounds after number `from`, in order; at most the newest
 * `most` are stored, or fewer if they are large (`isFull`). `roundsAsOf` is the task's revision when they were requested.
 * `gone`: the task no longer exists, and what was known about it stays. `error` says why it could not be loaded.
 */

import { duration, number } from "../../text/format.js";
import { NOT_STARTED, RUNNING, isFinal } from "../../text/statuses.js";
import { MEASURES_IMAGES } from "../clusters/jobs.js";

/** Jobs whose results are drawn from their rounds (views/tasks/results.js), so that as many rounds as possible are loaded. */
const DRAWN_FROM_ROUNDS = [MEASURES_IMAGES];
/** How many of the newest rounds are loaded at first, and how many earlier ones at a time: as many as an answer can hold. */
const FIRST_ROUNDS = 200;
const EARLIER_ROUNDS = 1000;
/** How many rounds are stored, and how many if the person requested earlier ones. */
export const MOST_ROUNDS = 500;
export const MOST_ROUNDS_ASKED = 2000;
/** How many characters of their outputs are stored, as JSON. */
const MOST_CHARACTERS = 32 * 1024 * 1024;
const sizes = new WeakMap();
const ROUNDS_IN_CHART = 200;
/** The size of `null` as JSON. A null result that is said to be larger was left out, as large ones are in lists and frames. */
const NULL_BYTES = 4;

/** Returns a newly opened task; `known` is the task as a list has it, or null. */
export function opened(id, known) {
  return {
    id,
    task: known,
    isLoaded: false,
    gone: false,
    error: "",
    rounds: [],
    roundsAsOf: 0,
    from: 0,
    most: MOST_ROUNDS,
    hasEarlier: false,
    isFull: false,
    isLoadingEarlier: false,
    interruptions: [],
  };
}

// Loading.

/** Returns whether the task has to be loaded, with its rounds unless it `isLoaded`. */
export function isLacking(open) {
  return !open.gone && open.error === "" && (!open.isLoaded || needsTask(open));
}

/** Returns whether the task lacks something that only its own address returns: large parameters, or its result. */
export function needsTask({ task }) {
  return task !== null && (task.params === null || isResultLeftOut(task));
}

function isResultLeftOut({ status, result, result_bytes: size }) {
  return isFinal(status) && result === null && size > NULL_BYTES;
}

/** Returns the number after which to request rounds to get the newest ones: as many as possible if they are drawn. */
export function firstAfter({ job, round }) {
  return Math.max(0, round - (DRAWN_FROM_ROUNDS.includes(job) ? EARLIER_ROUNDS : FIRST_ROUNDS));
}

/** Adds what was loaded; `found` is what server/round_loader.js returns, or null if no rounds were requested. */
export function loaded(open, task, found, interruptions) {
  const next = withInterruptions(withTask({ ...open, error: "" }, task), interruptions);
  return found === null ? next : withNewest({ ...next, isLoaded: true, roundsAsOf: task.revision }, found);
}

/** Adds the newest rounds. If there is a gap before them, the former rounds are dropped. */
function withNewest(open, { after, rounds }) {
  const joins = open.rounds.length > 0 && after <= lastNumber(open);
  if (joins) return withRounds(open, rounds);
  const most = DRAWN_FROM_ROUNDS.includes(open.task.job) ? MOST_ROUNDS_ASKED : MOST_ROUNDS;
  return withRounds({ ...open, rounds: [], from: after, most }, rounds);
}

/** Requests everything again, since frames have been missed. */
export function withGap(open) {
  return { ...open, isLoaded: false, error: "" };
}

/** Notes that the task does not exist, or no longer does. */
export function withMissing(open) {
  return { ...open, gone: true };
}

export function withOpenError(open, text) {
  return { ...open, error: text };
}

/** Sets the task, unless a newer one is known. Large values that were loaded stay if lists or frames leave them out. */
export function withTask(open, task) {
  const { task: known } = open;
  if (known === null) return { ...open, task };
  if (task.revision < known.revision) return open;
  return { ...open, task: { ...task, params: task.params ?? known.params, result: task.result ?? resultOf(known, task) } };
}

function resultOf(known, task) {
  return known.result_bytes === task.result_bytes ? known.result : null;
}

// Rounds.

/** Adds rounds that follow the known ones; a repeated one replaces that of the same number. */
export function withRounds(open, rounds) {
  if (rounds.length === 0) return bounded(open);
  const byNumber = new Map([...open.rounds, ...rounds].map((round) => [round.number, round]));
  return bounded({ ...open, rounds: [...byNumber.values()].sort((one, other) => one.number - other.number) });
}

/** Drops the oldest rounds if there are too many, or their outputs are too large. */
function bounded(open) {
  const { rounds, most } = open;
  const first = firstStored(rounds, most);
  if (first === 0) return { ...open, isFull: false, hasEarlier: open.from > 0 };
  const isFull = rounds.length - first < most;
  return { ...open, rounds: rounds.slice(first), from: rounds[first].number - 1, isFull, hasEarlier: true };
}

function firstStored(rounds, most) {
  const least = Math.max(0, rounds.length - most);
  let first = rounds.length;
  let characters = 0;
  while (first > least) {
    characters += sizeOf(rounds[first - 1]);
    if (characters > MOST_CHARACTERS && first < rounds.length) break;
    first -= 1;
  }
  return first;
}

/** Returns the size of a round's output; it is determined once. */
function sizeOf(round) {
  if (!sizes.has(round)) sizes.set(round, round.output == null ? 0 : JSON.stringify(round.output).length);
  return sizes.get(round);
}

/** Returns the number of the newest known round. */
export function lastNumber(open) {
  return open.rounds.at(-1)?.number ?? open.from;
}

/** Returns whether there may be later rounds to load, if frames do not bring them. */
export function lacksRounds(open) {
  return open !== null && open.isLoaded && !open.gone && open.task.revision > open.roundsAsOf;
}

/** Returns the number after which to request them; from the start if the task has started over. */
export function followingAfter(open) {
  return open.task.round < lastNumber(open) ? firstAfter(open.task) : lastNumber(open);
}

/** Adds the rounds found, as of a revision of the task; `found` is null if the request failed. */
export function withLater(open, found, asOf) {
  const next = { ...open, roundsAsOf: asOf };
  return found === null ? next : withNewest(next, found);
}

export function loadingEarlier(open) {
  return { ...open, isLoadingEarlier: true };
}

/** Returns the number after which to request earlier rounds, so that they join the known ones. */
export function earlierAfter({ from }) {
  return Math.max(0, from - EARLIER_ROUNDS);
}

/** Adds the earlier rounds found; `found` is null if the request failed. */
export function withEarlier(open, found) {
  const next = { ...open, isLoadingEarlier: false };
  if (found === null) return next;
  const earlier = found.rounds.filter((round) => round.number <= open.from);
  const from = earlier.length === 0 && isWithoutHoles(open) ? 0 : found.after;
  return withRounds({ ...next, from, most: MOST_ROUNDS_ASKED }, earlier);
}

/** Returns whether the known rounds are numbered without gaps: if an answer holds none before them, there are none at all. */
function isWithoutHoles({ rounds }) {
  return rounds.length > 0 && rounds.at(-1).number - rounds[0].number === rounds.length - 1;
}

/** Returns whether there are earlier rounds, and room for them. */
export function canShowEarlier(open) {
  return open.hasEarlier && !open.isFull && open.rounds.length < MOST_ROUNDS_ASKED;
}

// Interruptions: `{at, resumed}`, rising; `resumed` is null until the task runs again.

/** Merges those that the server lists with those that frames reported meanwhile. */
export function withInterruptions(open, listed) {
  const byTime = new Map(open.interruptions.map((one) => [one.at, one]));
  for (const one of listed) byTime.set(one.at, { ...one, resumed: one.resumed ?? byTime.get(one.at)?.resumed ?? null });
  return { ...open, interruptions: [...byTime.values()].sort((one, other) => (one.at < other.at ? -1 : 1)) };
}

function withInterruption(open, { from, to, at }) {
  if (from === RUNNING && to === NOT_STARTED) return withInterruptions(open, [{ at, resumed: null }]);
  const last = open.interruptions.at(-1);
  const isResumed = from === NOT_STARTED && to === RUNNING && last?.resumed === null && at >= last.at;
  return isResumed ? withInterruptions(open, [{ ...last, resumed: at }]) : open;
}

// Frames.

/** Applies a frame: transitions, then the task, then whether it was deleted, then its rounds. */
export function withFrame(open, frame) {
  const transitions = frame.transitions.filter(({ task }) => task === open.id);
  const tasks = frame.tasks.filter(({ id }) => id === open.id);
  let next = tasks.reduce(withTask, transitions.reduce(withTransition, open));
  if (frame.deleted.includes(open.id)) next = withMissing(next);
  const rounds = frame.rounds?.[String(open.id)] ?? [];
  return rounds.length > 0 ? withRounds(next, rounds) : next;
}

/** Applies a transition. The task may have been requested after it, but its interruptions are known from transitions alone. */
function withTransition(open, transition) {
  const { task } = open;
  if (task === null) return open;
  const { to: status, revision } = transition;
  const isNew = revision > task.revision;
  return withInterruption(isNew ? { ...open, task: { ...task, status, revision } } : open, transition);
}

// How long its rounds take.

/** Returns the numbers and durations of the newest known rounds. */
export function durations({ rounds }) {
  const newest = rounds.slice(-ROUNDS_IN_CHART);
  return { x: newest.map((round) => round.number), y: newest.map((round) => round.seconds) };
}

/** Returns `median 1.2 s, longest 14 s (round 7)`; "" before the second round. */
export function durationsText({ rounds }) {
  if (rounds.length < 2) return "";
  const longest = rounds.reduce((one, other) => (other.seconds > one.seconds ? other : one));
  const usual = duration(median(rounds.map((round) => round.seconds)));
  return `median ${usual}, longest ${duration(longest.seconds)} (round ${number(longest.number)})`;
}

export function median(values) {
  const rising = values.toSorted((one, other) => one - other);
  const middle = rising.length / 2;
  return (rising[Math.floor(middle)] + rising[Math.ceil(middle) - 1]) / 2;
}

// Why it is stalled.

/** Returns `stalled: no round for 14 m, usually 20 s a round`; `since` is its last sign of life. */
export function stalledText(task, now, since = task.last_modified) {
  const silence = Math.max(0, (now - Date.parse(since)) / 1000);
  const usual = task.pace_seconds === null ? "" : `, usually ${duration(task.pace_seconds)} a round`;
  return `stalled: no round for ${duration(silence)}${usual}`;
}

/** Returns when the task's last round ended, or when it started or resumed after that. `last_modified` would not do: it changes
 * when a task becomes stalled. */
export function lastSign({ task, rounds, interruptions }) {
  const times = [task.started, rounds.at(-1)?.at, interruptions.at(-1)?.resumed].filter(Boolean);
  return times.length === 0 ? task.last_modified : times.sort().at(-1);
}
