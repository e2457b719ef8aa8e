/** The connection to the server's changes, and how its frames change the state. Pure. */

import * as announce from "./notices/announce.js";
import { withEndings } from "./notices/toasts.js";
import * as unseen from "./notices/unseen.js";
import { retried } from "./paged_list.js";
import { NO_NEEDS, eachSlice } from "./state.js";
import { pruned, withLists } from "./tasks/lists.js";
import * as openTask from "./tasks/open_task.js";
import * as taskList from "./tasks/task_list.js";

/** Notes that the connection was lost at `lostAt`, by the server's clock: the data is as of then. */
export function disconnected(state, serverStops, lostAt) {
  const dataAt = state.phase === "live" || state.phase === "stopping" ? lostAt : state.dataAt;
  return { ...state, dataAt, phase: serverStops ? "stopping" : "reconnecting" };
}

/** Notes that an attempt to connect again has failed. */
export function attemptFailed(state) {
  return { ...state, phase: "reconnecting" };
}

/** Applies a frame; frames of an unknown type change nothing. */
export function withMessage(state, frame, now) {
  const apply = { hello, changes, resync, stopping }[frame.type];
  return apply ? apply(state, frame, now) : state;
}

function hello(state, frame) {
  const isOther = state.store !== null && state.store !== frame.store;
  const isFirst = state.store === null;
  const next = {
    ...state,
    phase: "live",
    isPolling: frame.way === "polling",
    dataAt: null,
    isUpdated: (frame.version ?? state.version) !== state.version,
    store: frame.store,
    revision: frame.revision,
    counts: frame.counts,
    pendingPercent: frame.pending_percent,
    unseen: isOther ? unseen.unseenSince("") : state.unseen,
  };
  if (isFirst || isOther || frame.revision !== state.revision) return stale(next);
  return withLists(next, retried);
}

function resync(state, frame) {
  return stale({ ...state, revision: frame.revision });
}

function stopping(state) {
  return { ...state, phase: "stopping" };
}

/** Requests everything again, since what is known may have gaps; pending answers are dropped. */
function stale(state) {
  const open = state.open && openTask.withGap(state.open);
  const needs = { ...state.needs, failed: true };
  const slices = eachSlice(state, (slice, part) => slice.withGap(part));
  return withLists({ ...state, open, ...slices, unseen: unseen.unseenSince(state.unseen.seen), needs }, taskList.withGap);
}

function changes(state, frame, now) {
  if (frame.since !== state.revision) return { ...state, needs: { ...state.needs, connect: true } };
  const tasks = namedIn(state, frame);
  const next = withLists(state, (list) => taskList.withFrame(list, frame));
  return pruned({
    ...next,
    revision: frame.revision,
    counts: frame.counts,
    pendingPercent: frame.pending_percent,
    unseen: unseen.withFrame(state.unseen, frame),
    open: state.open && openTask.withFrame(state.open, frame),
    ...eachSlice(state, (slice, part) => slice.withFrame(part, frame)),
    toasts: withEndings(state.toasts, frame, (id) => tasks.get(id)?.description ?? `Task ${id}`, now),
    ...announcing(state, announce.withFrame(state.announcement, frame, now)),
  });
}

/** Clears the last announcement while a new one is gathered, so that an identical one is read out again. */
function announcing({ announced }, announcement) {
  return { announcement, announced: announcement.since === null ? announced : "" };
}

function namedIn(state, frame) {
  const known = Object.values(state.lists).flatMap((list) => [...(list?.tasks.values() ?? [])]);
  return new Map([...known, ...frame.tasks].map((task) => [task.id, task]));
}

/** Starts over with nothing but the user and what is open: the frames do not continue from what is known. */
export function begunAnew(state) {
  return { ...withLists(state, taskList.withGap), store: null, revision: null, needs: NO_NEEDS };
}
