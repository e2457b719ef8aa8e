/** The actions of people: each changes the state, calls the server, and shows the outcome. */

import { withFailure, withNote } from "../state/notices/toasts.js";
import { atTab } from "../state/place.js";
import { taskCreated, withToasts } from "../state/state.js";
import { accountActions } from "./account.js";
import { clusterActions } from "./clusters.js";
import { deletionActions } from "./deletion.js";
import { navigationActions } from "./navigation.js";
import { settingsActions } from "./settings.js";
import { startActions } from "./start.js";
import { taskActions } from "./task.js";

/**
 * Returns the actions for the views.
 *
 * `getState()` returns the state; `react(apply, ...values)` changes it and draws at once, `update` with the next frame;
 * `go(place, how)` opens another place, `askForFrame()` draws with the next frame. `failed(problem, report)` handles failed
 * calls; `enter()` and `leave(notice)` begin and end a session. Each group of actions gets these as its `context`, together
 * with `place()`, `note(text)`, which reports a success, `attempt(what, act)`, and `showCreated(task)`.
 */
export function makeActions({ getState, react, go, failed, ...others }) {
  const place = () => getState().place;
  const toast = (apply, ...values) => react((state) => withToasts(state, apply(state.toasts, ...values)));

  /** Calls the server for a click. If that fails, a toast begins with `what` could not be done. */
  async function attempt(what, act) {
    try {
      return await act();
    } catch (problem) {
      failed(problem, (text) => toast(withFailure, `${what}: ${text}`));
      return null;
    }
  }

  /** Goes back to the list at once, with the new task in it. */
  function showCreated(task) {
    go(atTab("pending", place().view));
    react(taskCreated, task.id);
  }

  const note = (text) => toast(withNote, text, performance.now());
  const context = { getState, react, go, failed, ...others, place, note, attempt, showCreated };
  const settings = settingsActions(context);
  const preferPageSize = (size) => settings.setPreference("pageSize", size);
  return {
    ...accountActions(context),
    ...navigationActions(context, preferPageSize),
    ...deletionActions(context),
    ...startActions(context),
    ...taskActions(context),
    ...settings,
    ...clusterActions(context, preferPageSize),
  };
}
