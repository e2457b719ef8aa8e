/** Actions for selecting tasks and deleting them; actions.js describes their context. */

import * as api from "../server/api.js";
import * as deleting from "../state/tasks/deleting.js";
import * as lists from "../state/tasks/lists.js";
import { requestOf } from "../state/tasks/task_list.js";
import { isPending } from "../text/statuses.js";

export function deletionActions({ getState, react, failed }) {
  return {
    clickRow: (id, withShift) => react(lists.rowClicked, id, withShift),
    clickSelectAll: () => react(lists.selectAllClicked),
    selectAllMatching: () => react(lists.allMatchingChosen),
    clearSelection: () => react(lists.selectionCleared),

    askToDelete: () => react(deleting.asked),
    askToDeleteTask: (task) => react(deleting.askedAbout, task),
    typeConfirmation: (text) => react(deleting.typed, text),
    keepTasks: () => react(deleting.cancelled, performance.now()),
    closeReport: () => react(deleting.reportClosed),

    async deleteTasks() {
      const { confirm } = getState();
      if (confirm.busy || !deleting.mayDelete(confirm)) return;
      react(deleting.began);
      try {
        for await (const results of deletions(confirm)) {
          if (!deleting.isStill(getState(), confirm)) return;
          react(deleting.progressed, results);
          if (!deleting.continues(getState(), confirm)) break;
        }
        react(deleting.done, performance.now());
      } catch (problem) {
        failed(problem, (text) => deleting.isStill(getState(), confirm) && react(deleting.failed, text));
      }
    },
  };
}

/** Deletes tasks only if they still are as the person saw them: pending or final; of all that match, unchanged since then.
 * Yields the results of each call. */
async function* deletions({ tasks, matching }) {
  if (matching !== null) {
    yield* api.deleteMatching(requestOf(matching.query), matching.asOf);
    return;
  }
  const ids = (wanted) => tasks.filter((task) => isPending(task.status) === wanted).map((task) => task.id);
  yield await api.deleteTasks(ids(true), "pending");
  yield await api.deleteTasks(ids(false), "final");
}
