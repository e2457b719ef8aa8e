/** Loads what the view of a task needs: the task, its rounds and interruptions, and their changes while somebody looks. */

import * as change from "../state/state.js";
import * as openTask from "../state/tasks/open_task.js";
import { NOT_STARTED } from "../text/statuses.js";
import * as api from "./api.js";
import { askRepeatedly } from "./loader.js";
import { newestRounds } from "./round_loader.js";

const NOT_FOUND = 404;
const WAITING_MILLISECONDS = 3000;

/** Loads the open task with its newest rounds, and later whatever of it turns out to be incomplete. */
export function serveOpen({ getState, update, failed }) {
  let loading = null;

  return async () => {
    const { open, store } = getState();
    if (open === null || store === null || loading === open.id || !openTask.isLacking(open)) return;
    loading = open.id;
    const apply = (make) => update(change.withOpen, open.id, make);
    try {
      const task = await api.getTask(open.id);
      const found = open.isLoaded ? null : await newestRounds(open.id, openTask.firstAfter(task), task.round);
      const interruptions = task.interruptions > 0 ? await api.getInterruptions(open.id) : [];
      apply((known) => openTask.loaded(known, task, found, interruptions));
    } catch (problem) {
      const withProblem = problem.status === NOT_FOUND ? openTask.withMissing : openTask.withOpenError;
      failed(problem, (text) => apply((known) => withProblem(known, text)));
    }
    if (loading === open.id) loading = null;
  };
}

/** Requests a waiting task again and again: why it waits and its place in line change without a revision. */
export function serveWaiting({ getState, update, failed }) {
  function isWaiting() {
    const { phase, open } = getState();
    return phase === "live" && open?.isLoaded && !open.gone && open.task.status === NOT_STARTED;
  }

  async function refresh() {
    const { id } = getState().open;
    try {
      const task = await api.getTask(id);
      update(change.withOpen, id, (open) => openTask.withTask(open, task));
    } catch (problem) {
      failed(problem, () => {}); // frames report it if the task is gone
    }
  }

  return askRepeatedly(refresh, isWaiting, WAITING_MILLISECONDS);
}

/** Has the task's rounds sent with the frames while somebody looks. On a new connection nothing is watched: call
 * `forget` then. */
export function watchOpen({ getState, send }) {
  let watched = null;

  function serve() {
    const { open, phase } = getState();
    const isWanted = open?.isLoaded && !open.gone && phase === "live" && !document.hidden;
    const wanted = isWanted ? open.id : null;
    if (wanted === watched || phase !== "live") return;
    if (watched !== null) send({ type: "unwatch", task: watched });
    if (wanted !== null) send({ type: "watch", task: wanted, after: openTask.lastNumber(open) });
    watched = wanted;
  }

  return { serve, forget: () => (watched = null) };
}

/** Loads the task's new rounds while the page polls, since frames then bring none. */
export function serveRounds({ getState, update, failed }) {
  let isAsking = false;

  return async () => {
    const { open, phase, isPolling } = getState();
    if (!isPolling || phase !== "live" || isAsking || document.hidden || !openTask.lacksRounds(open)) return;
    isAsking = true;
    const { revision } = open.task;
    try {
      const found = await newestRounds(open.id, openTask.followingAfter(open), open.task.round);
      update(change.withOpen, open.id, (now) => openTask.withLater(now, found, revision));
    } catch (problem) {
      failed(problem, () => update(change.withOpen, open.id, (now) => openTask.withLater(now, null, revision)));
    }
    isAsking = false;
  };
}
