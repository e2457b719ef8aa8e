/** What ended, gathered for a moment and then said in one sentence to those who listen to the page. Pure. */

import { endedSummary } from "../../text/sentences.js";
import { ABORTED, EXCEPTION, FINISHED } from "../../text/statuses.js";

const GATHERED_MILLISECONDS = 2000;

/** Nothing to say. `since` is when the first of them ended, as `performance.now()` tells it. */
export const NOTHING = Object.freeze({ since: null, counts: { [FINISHED]: 0, [EXCEPTION]: 0, [ABORTED]: 0 } });

/** With the tasks that ended in a frame. */
export function withFrame(announcement, frame, now) {
  const ended = frame.transitions.filter(({ to }) => to in announcement.counts);
  if (ended.length === 0) return announcement;
  const counts = { ...announcement.counts };
  for (const { to } of ended) counts[to] += 1;
  return { since: announcement.since ?? now, counts };
}

/** When it is to be said, as `performance.now()` tells it; Infinity where there is nothing to say. */
export function dueAt(announcement) {
  return announcement.since === null ? Infinity : announcement.since + GATHERED_MILLISECONDS;
}

/** Whether it is to be said: after that, begin with NOTHING again. */
export function due(announcement, now) {
  return now >= dueAt(announcement);
}

/** `2 tasks finished, 1 failed`; "" for nothing. */
export function textOf(announcement) {
  return endedSummary(announcement.counts);
}
