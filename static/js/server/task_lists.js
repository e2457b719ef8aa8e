/** Loads what the lists of tasks need: the pages on the screen, and the failures that this browser has not seen. */

import { failedBegan, withFailed } from "../state/notices/failures.js";
import * as lists from "../state/tasks/lists.js";
import { requestOf } from "../state/tasks/task_list.js";
import { countOf } from "../text/statuses.js";
import * as api from "./api.js";
import { loadLists } from "./loader.js";

const RETRY_MILLISECONDS = 5000;
const FAILURES_KNOWN = 100;

/** Loads the visible lists. `isInList(name)` returns whether a person is in the rows of one. */
export function serveLists({ getState, set, update, failed, isInList }) {
  async function load(name) {
    set(lists.loadBegan(getState(), name));
    const { query, loading: { number } } = getState().lists[name];
    try {
      update(lists.withAnswer, name, number, await api.listTasks(requestOf(query)));
    } catch (problem) {
      failed(problem, (text) => update(lists.loadFailed, name, number, text, problem.errors));
    }
  }

  return loadLists({
    visible: () => lists.visibleLists(getState()),
    getList: (name) => getState().lists[name],
    isHeld: (name) => lists.isHeld(getState(), name, isInList),
    load,
    retry: () => update(lists.reloadAsked),
  });
}

/** Loads the failures that this browser has not seen. `failuresSeen(store)` returns the time up to which it has seen them. */
export function serveFailures({ getState, set, update, failed, failuresSeen }) {
  async function load() {
    const { store } = getState();
    if (store === null) return;
    set(failedBegan(getState(), failuresSeen(store)));
    if (countOf("failed", getState().counts) === 0) return;
    const query = { tab: "failed", search: "", ordering: "-last_modified", page: 1, size: FAILURES_KNOWN };
    try {
      update(withFailed, await api.listTasks(requestOf(query)));
    } catch (problem) {
      failed(problem, () => setTimeout(load, RETRY_MILLISECONDS));
    }
  }

  return () => {
    if (getState().needs.failed) load();
  };
}
