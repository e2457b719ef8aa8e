/** Asks for what can be chosen while a field is open: one question at a time, the last one in any case. */

import * as api from "./api.js";
import { choicesFound, choicesWanted } from "../state/tasks/choosing.js";

/** Returns a function that is called whenever the state may have changed; as `serveClusters` (clusters.js). */
export function serveChoices({ getState, change, failed }) {
  let isAsking = false;

  return async () => {
    const { start, jobs } = getState();
    const url = choicesWanted(start, jobs);
    if (url === null || isAsking || start.choosing.found?.url === url) return;
    isAsking = true;
    const tell = (page, error) => change((now) => choicesFound(now, getState().jobs, url, page, error));
    try {
      const page = await api.listChoices(url);
      isAsking = false;
      tell(page);
    } catch (problem) {
      isAsking = false;
      failed(problem, (text) => tell({}, text));
    }
  };
}
