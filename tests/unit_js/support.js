/** Tasks, pages and frames for the tests. */

import { withMessage } from "../../static/js/state/connection.js";
import { HOME } from "../../static/js/state/place.js";
import { initial } from "../../static/js/state/state.js";

export const NOW = Date.parse("2025-11-24T12:00:00.000Z");
export const PREFERENCES = { theme: "system", zone: "local", notify: false, shortcuts: true, pageSize: 50 };
export const COUNTS = { "Not Started": 0, Running: 0, Finished: 0, Exception: 0, Aborted: 0 };

export function at(second) {
  return `2025-11-24T12:00:${String(second).padStart(2, "0")}.000Z`;
}

export function task(id, fields = {}) {
  return {
    id,
    description: `Task ${id}`,
    status: "Running",
    percent: 0,
    estimated: null,
    last_modified: at(id),
    started: null,
    ended: null,
    revision: id,
    ...fields,
  };
}

export function page(results, fields = {}) {
  return { results, count: results.length, count_exact: true, store: "s", revision: 10, ...fields };
}

export function frame(since, revision, fields = {}) {
  return {
    type: "changes",
    since,
    revision,
    counts: COUNTS,
    pending_percent: 0,
    transitions: [],
    tasks: [],
    deleted: [],
    ...fields,
  };
}

export function transition(id, to, revision, second = id) {
  return { task: id, from: "Running", to, at: at(second), revision };
}

export function hello(fields = {}) {
  return { type: "hello", store: "s", revision: 10, counts: COUNTS, pending_percent: 0, version: "1", ...fields };
}

/** A page that follows the server and has revision 10. */
export function following() {
  return withMessage(initial("admin", "admin", "1", HOME, PREFERENCES), hello(), NOW);
}
