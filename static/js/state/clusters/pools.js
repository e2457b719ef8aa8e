/** Pools, and what is said about their numbers of PGs. Pure. */

import { bytes, number } from "../../text/format.js";
import { isPending } from "../../text/statuses.js";
import { CREATES_POOL } from "./jobs.js";

export const LEAST_PGS = 1;
export const MOST_PGS = 65536;
const POWERS_ABOVE = 3;

/**
 * Returns what a pool's PGs do: `{ kind, from, to }`. `kind` is "still", "changes" (a task makes `to` of `from`), "waits" (it
 * will), "creates", or "moves" (something else changes them: the autoscaler, the command line); of that, `change` is what
 * is known (elsewhere.js).
 */
export function pgsOf(pool, task, change) {
  const isOurs = task !== undefined && isPending(task.status);
  const wanted = isOurs ? task.params?.pg_num : undefined;
  if (isOurs && task.job === CREATES_POOL) return { kind: "creates", from: pool.pg_num, to: wanted };
  if (isOurs && Number.isInteger(wanted)) {
    const from = task.metadata?.from ?? pool.pg_num;
    return { kind: task.started === null ? "waits" : "changes", from, to: wanted };
  }
  if (isMoving(pool)) return { kind: "moves", from: change?.from ?? pool.pg_num, to: change?.to ?? pool.pg_num_target };
  return { kind: "still", from: pool.pg_num, to: pool.pg_num };
}

function isMoving({ pg_num: now, pg_num_target: target, pgp_num: placed, pgp_num_target: toPlace }) {
  return now !== target || placed !== toPlace;
}

/** Returns whether any of them is about to be another one soon, so that it is worth asking often. */
export function isAnyChanging(pools, tasks) {
  return pools.some((pool) => pool.task !== null || pgsOf(pool, tasks.get(pool.task)).kind !== "still");
}

/** Returns how far it is: `40 there, 22 placed`; "" if it is complete. */
export function stepText({ pg_num: now, pgp_num: placed }, { to }) {
  if (now === to && placed === to) return "";
  return now === to ? `${number(placed)} of ${number(to)} placed` : `${number(now)} there, ${number(placed)} placed`;
}

/** Returns the powers of two around a number: the one below it and those above, what can be counted as PGs. */
export function powersAround(count) {
  const below = 2 ** (Math.ceil(Math.log2(Math.max(count, 1))) - 1);
  const above = 2 ** (Math.floor(Math.log2(Math.max(count, 1))) + 1);
  const all = [below, ...Array.from({ length: POWERS_ABOVE }, (_, step) => above * 2 ** step)];
  return all.filter((power) => power >= LEAST_PGS && power <= MOST_PGS);
}

/** Returns what people typed, as it is sent: a whole number as one, anything else as the text that it is. */
export function typedNumber(text) {
  const trimmed = text.trim();
  return /^[+-]?\d{1,15}$/.test(trimmed) ? Number(trimmed) : trimmed;
}

export function isWhole(text) {
  return Number.isInteger(typedNumber(text));
}

/** Returns what a change means, in sentences, before its warnings. */
export function meaning({ from, to, moves_bytes_at_most: most, reversible }) {
  if (from === to) return ["That is what it is told to have: there is nothing to do."];
  const moves = most > 0 ? `Moves ${bytes(most)} at most between OSDs.` : "Moves no data: the pool is empty.";
  const back = reversible
    ? "It can be set back later; what has been moved by then moves once more."
    : "It cannot be set back: this cluster only ever adds PGs.";
  return [moves, "Once begun the cluster goes on by itself: aborting the task only ends the watching.", back];
}
