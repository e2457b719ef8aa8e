/**
 * Failed tasks that this browser has not looked at: those that ended after `seen`. Pure.
 *
 * `seen` is the end of the latest failed task that was there when the person looked ("" before the first look),
 * `latest` the end of the latest one that is known. They are times and not revisions, since a task that was looked at
 * changes again when its last round ends or when it is pinned.
 */

import { countOf, isFailed } from "../../text/statuses.js";

/** If there are more they are only counted. */
const MOST_KNOWN = 10000;

export function unseenSince(seen) {
  return { seen, latest: seen, ids: new Set(), others: 0, atLeast: false };
}

/** Adds what the server lists as failed, last modified first. If its page does not reach back to `seen`, the
 * others are counted if all of them must be new, or else only said to be more. */
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

/** Returns how many: never more than there are, since some may have been deleted without our knowing them. */
export function unseenCount(unseen, counts) {
  return Math.min(unseen.ids.size + unseen.others, countOf("failed", counts) ?? 0);
}

/** Forgets what the person sees now: these tasks on the screen, and others on other pages. */
export function lookedAt(unseen, tasks) {
  const seen = latestOf(unseen.latest, tasks.map((task) => task.ended));
  const isSame = seen === unseen.seen && unseen.ids.size === 0 && unseen.others === 0 && !unseen.atLeast;
  return isSame ? unseen : unseenSince(seen);
}

/** Forgets what another window of this browser has looked at. */
export function seenElsewhere(unseen, seen) {
  return seen > unseen.seen ? unseenSince(seen) : unseen;
}
