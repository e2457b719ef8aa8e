/** Loads the choices of an open field: one request at a time, and the last one in any case. */

import { withStart } from "../state/state.js";
import { choicesFound, choicesWanted } from "../state/tasks/choosing.js";
import * as api from "./api.js";

/** Returns a function to call whenever the state may have changed, like all needs (needs.js). */
export function serveChoices({ getState, update, failed }) {
  let isAsking = false;

  return async () => {
    const { start, jobs } = getState();
    const url = choicesWanted(start, jobs);
    if (url === null || isAsking || start.choosing.found?.url === url) return;
    isAsking = true;
    const found = (page, error) => update(withFound, url, page, error);
    try {
      const page = await api.listChoices(url);
      isAsking = false;
      found(page);
    } catch (problem) {
      isAsking = false;
      failed(problem, (text) => found({}, text));
    }
  };
}

function withFound(state, url, page, error) {
  return withStart(state, choicesFound(state.start, state.jobs, url, page, error));
}
