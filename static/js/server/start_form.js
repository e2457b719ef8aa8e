/** Loads what the form that starts a task needs: the jobs, and the task whose values it takes. */

import * as change from "../state/state.js";
import * as api from "./api.js";

/** Returns a function to call whenever the state may have changed, like all needs (needs.js). */
export function serveStart({ getState, update, failed }) {
  let asked = null;

  return async () => {
    const { place, start, jobs, store } = getState();
    if (start === null || jobs !== null || start === asked || store === null) return;
    asked = start;
    try {
      const [all, task] = await Promise.all([api.listJobs(), place.from === null ? null : api.getTask(place.from)]);
      update(change.startKnown, start, all, task);
    } catch (problem) {
      failed(problem, (text) => {
        update(change.startNotKnown, start, text);
        asked = getState().start;
      });
    }
  };
}
