/** Tasks that ended, gathered for a moment and then announced to screen readers in one sentence. Pure. */

import { endedSummary } from "../../text/sentences.js";
import { ABORTED, EXCEPTION, FINISHED } from "../../text/statuses.js";

const GATHERED_MILLISECONDS = 2000;

/** Nothing to announce. `since` is when the first of them ended, by `performance.now()`. */
export const NOTHING = Object.freeze({ since: null, counts: { [FINISHED]: 0, [EXCEPTION]: 0, [ABORTED]: 0 } });

/** Adds the tasks that ended in a frame. */
export function withFrame(announcement, frame, now) {
  const ended = frame.transitions.filter(({ to }) => to in announcement.counts);
  if (ended.length === 0) return announcement;
  const counts = { ...announcement.counts };
  for (const { to } of ended) counts[to] += 1;
  return { since: announcement.since ?? now, counts };
}

/** Returns when to announce it, by `performance.now()`; Infinity if there is nothing to announce. */
export function dueAt(announcement) {
  return announcement.since === null ? Infinity : announcement.since + GATHERED_MILLISECONDS;
}

/** Returns whether it is time to announce it; the caller then starts with NOTHING again. */
export function due(announcement, now) {
  return now >= dueAt(announcement);
}

/** Returns `2 tasks finished, 1 failed`; "" for nothing. */
export function textOf(announcement) {
  return endedSummary(announcement.counts);
}
