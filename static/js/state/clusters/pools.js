/** Pools, and the sentences about their numbers of PGs. Pure. */

import { bytes, counted, number } from "../../text/format.js";
import { isPending } from "../../text/statuses.js";
import { CREATES_POOL } from "./jobs.js";

export const LEAST_PGS = 1;
export const MOST_PGS = 65536;
const POWERS_ABOVE = 3;

/**
 * Returns how a pool's number of PGs is changing: `{ kind, from, to }`. `kind` is "still", "changes" (by a task), "waits" (a
 * task will change it), "creates", or "moves" (something else changes it: the autoscaler, the command line); `change` is what
 * is known about the latter (elsewhere.js).
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

/** Returns whether any pool is changing, so that the list should be loaded often. */
export function isAnyChanging(pools, tasks) {
  return pools.some((pool) => pool.task !== null || pgsOf(pool, tasks.get(pool.task)).kind !== "still");
}

/** Returns how far the change has got: `40 PGs, 22 placed`; "" if it is complete. */
export function stepText({ pg_num: now, pgp_num: placed }, { to }) {
  if (now === to && placed === to) return "";
  return now === to ? `${number(placed)} of ${number(to)} placed` : `${counted(now, "PG")}, ${number(placed)} placed`;
}

/** Returns the powers of two around a number, the one below it and those above, as far as they are valid numbers of PGs. */
export function powersAround(count) {
  const below = 2 ** (Math.ceil(Math.log2(Math.max(count, 1))) - 1);
  const above = 2 ** (Math.floor(Math.log2(Math.max(count, 1))) + 1);
  const all = [below, ...Array.from({ length: POWERS_ABOVE }, (_, step) => above * 2 ** step)];
  return all.filter((power) => power >= LEAST_PGS && power <= MOST_PGS);
}

/** Returns what was typed in the form in which it is sent: a whole number as a number, anything else as text. */
export function typedNumber(text) {
  const trimmed = text.trim();
  return /^[+-]?\d{1,15}$/.test(trimmed) ? Number(trimmed) : trimmed;
}

export function isWhole(text) {
  return Number.isInteger(typedNumber(text));
}

/** Returns the impact of a change in sentences, without the warnings. */
export function meaning({ from, to, moves_bytes_at_most: most, reversible }) {
  if (from === to) return ["The pool is already set to this number."];
  const moves = most > 0 ? `Moves at most ${bytes(most)} between OSDs.` : "Moves no data: the pool is empty.";
  const back = reversible
    ? "It can be set back later; data moved by then moves again."
    : "It cannot be set back: this cluster can only add PGs.";
  return [moves, "Once started, the cluster carries on by itself; aborting the task only stops tracking it.", back];
}
