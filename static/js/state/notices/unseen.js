/**
 * Failed tasks that a person has not yet seen in this browser: those that ended after `seen`. Pure.
 *
 * `seen` is when the latest failed task ended that existed when the person last looked ("" before the first look),
 * `latest` when the latest known one ended. They are times and not revisions, since a task that has been seen
 * changes again when its last round ends or when it is pinned.
 */

import { countOf, isFailed } from "../../text/statuses.js";

/** If there are more, they are only counted. */
const MOST_KNOWN = 10000;

export function unseenSince(seen) {
  return { seen, latest: seen, ids: new Set(), others: 0, atLeast: false };
}

/** Adds the failed tasks on a page of the server, last modified first. If the page does not reach back to `seen`, the others
 * are counted on the first look, when all of them must be new; otherwise `atLeast` notes that there may be more. */
export function withPage(unseen, page) {
  const fresh = page.results.filter((task) => task.ended > unseen.seen);
  const reachesBack = fresh.length < page.results.length || page.count === page.results.length;
  const isFirstLook = unseen.seen === "";
  return {
    ...unseen,
    latest: latestOf(unseen.latest, fresh.map((task) => task.ended)),
    ids: new Set([...unseen.ids, ...fresh.map((task) => task.id)]),
    others: !reachesBack && isFirstLook ? page.count - page.results.length : 0,
    atLeast: !reachesBack && !isFirstLook,
  };
}

/** Applies a frame. */
export function withFrame(unseen, frame) {
  const failed = frame.transitions.filter(({ to, at }) => isFailed(to) && at > unseen.seen);
  if (failed.length === 0 && !frame.deleted.some((id) => unseen.ids.has(id))) return unseen;
  const latest = latestOf(unseen.latest, failed.map(({ at }) => at));
  if (unseen.ids.size > MOST_KNOWN) return { ...unseen, latest, others: unseen.others + failed.length };
  const ids = new Set([...unseen.ids, ...failed.map(({ task }) => task)]);
  for (const id of frame.deleted) ids.delete(id);
  return { ...unseen, ids, latest };
}

function latestOf(latest, times) {
  return times.reduce((later, time) => (time > later ? time : later), latest);
}

/** Returns how many there are; never more than all failed tasks, since some may have been deleted that were only counted. */
export function unseenCount(unseen, counts) {
  return Math.min(unseen.ids.size + unseen.others, countOf("failed", counts) ?? 0);
}

/** Marks all failures as seen: these tasks on the screen, and those on other pages. */
export function lookedAt(unseen, tasks) {
  const seen = latestOf(unseen.latest, tasks.map((task) => task.ended));
  const isSame = seen === unseen.seen && unseen.ids.size === 0 && unseen.others === 0 && !unseen.atLeast;
  return isSame ? unseen : unseenSince(seen);
}

/** Marks the failures as seen that were seen in another window of this browser. */
export function seenElsewhere(unseen, seen) {
  return seen > unseen.seen ? unseenSince(seen) : unseen;
}
