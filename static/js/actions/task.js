/** Actions on the open task; actions.js describes their context. */

import { copyText } from "../browser/clipboard.js";
import * as api from "../server/api.js";
import { newestRounds } from "../server/round_loader.js";
import { withOpen } from "../state/state.js";
import * as openTask from "../state/tasks/open_task.js";

export function taskActions({ getState, update, react, attempt, note, showCreated }) {
  function show(task) {
    if (task !== null) react(withOpen, task.id, (open) => openTask.withTask(open, task));
  }

  return {
    async runAgain(task) {
      const created = await attempt("Could not run the task again", () => api.retryTask(task.id));
      if (created !== null) showCreated(created);
    },

    async stopNow(task) {
      show(await attempt("Could not stop the task", () => api.stopNow(task.id)));
    },

    async pin(task, pinned) {
      show(await attempt(pinned ? "Could not keep the task" : "Could not stop keeping the task", () => api.pinTask(task.id, pinned)));
    },

    async loadEarlierRounds() {
      const { open } = getState();
      update(withOpen, open.id, openTask.loadingEarlier);
      const load = () => newestRounds(open.id, openTask.earlierAfter(open), open.from);
      const earlier = await attempt("Could not load earlier rounds", load);
      update(withOpen, open.id, (now) => openTask.withEarlier(now, earlier));
    },

    async copy(text) {
      note((await copyText(text)) ? "Copied" : "The browser does not allow copying: select the text and copy it yourself");
    },
  };
}
