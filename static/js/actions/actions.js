/** What people can do: each action changes the state, asks the server, and says what became of it. */

import * as api from "../server/api.js";
import { makeCephActions } from "./clusters.js";
import * as choosing from "../state/tasks/choosing.js";
import { copyText } from "../browser/clipboard.js";
import * as deleting from "../state/tasks/deleting.js";
import { useZone } from "../text/format.js";
import * as jobform from "../state/tasks/job_form.js";
import { askPermission } from "../browser/notify.js";
import * as openTask from "../state/tasks/open_task.js";
import { HOME, NO_CURVES, atTab } from "../state/place.js";
import * as preferences from "../browser/preferences.js";
import { newestRounds } from "../server/round_loader.js";
import * as change from "../state/state.js";
import { isPending } from "../text/statuses.js";
import { requestOf } from "../state/tasks/task_list.js";
import { withNote, without } from "../state/notices/toasts.js";

/**
 * The actions for the views. `react` and `update` change the state, `go` what is open; `failed(problem, tell)` and
 * `tellFailure(text)` deal with refusals, `enter` and `leave` with who is here.
 */
export function makeActions({ getState, update, react, go, failed, enter, leave, tellFailure, askForFrame }) {
  const place = () => getState().place;
  const note = (text) => react((state) => change.withToasts(state, withNote(state.toasts, text, performance.now())));

  /** What a person asks of the server by a click. A refusal is told in a toast that says what did not happen. */
  async function attempt(what, act) {
    try {
      return await act();
    } catch (problem) {
      failed(problem, (text) => tellFailure(`${what}: ${text}`));
      return null;
    }
  }

  const signingIn = {
    async signIn(credentials) {
      if (getState().signIn.busy) return;
      react(change.signInBegan);
      try {
        const signedIn = await api.signIn(credentials);
        react(change.signedIn, signedIn.username, signedIn.role);
        enter();
      } catch (problem) {
        if (!(problem instanceof api.Problem)) throw problem;
        react(change.signInFailed, problem.message);
      }
    },

    async signOut() {
      update(change.leaving, true);
      const isDone = await attempt("Not signed out", async () => (await api.signOut()) ?? true);
      isDone ? leave("") : update(change.leaving, false);
    },
  };

  const going = {
    openDialog: () => place().tab === null && go(atTab("pending", place().view)),
    openTab: (tab) => go({ ...atTab(tab, place().view), size: place().size }),
    closeDialog: () => place().tab !== null && go({ ...HOME, view: place().view }),
    search: (text) => go({ ...place(), search: text, page: 1 }, "replaceState"),
    sortBy: (ordering) => go({ ...place(), ordering, page: 1 }),
    showPage: (page) => go({ ...place(), page }),
    setPageSize(size) {
      preferPageSize(size);
      go({ ...place(), size: null, page: 1 });
    },
    openTask: (id, curves = NO_CURVES) => go({ ...place(), task: id, start: null, from: null, curves }),
    closeTask: () => go({ ...place(), task: null, curves: NO_CURVES }),
    openHome: () => go(HOME),
    openHelp: () => react(change.withHelp, true),
    closeHelp: () => react(change.withHelp, false),
    reload: () => react(change.reloadAsked),
    reloadPage: () => location.reload(),
    applyUpdates: (name) => react(change.updatesApplied, name),
    leaveTable: askForFrame,
  };

  const selecting = {
    clickRow: (id, withShift) => react(change.rowClicked, id, withShift),
    clickSelectAll: () => react(change.selectAllClicked),
    selectAllMatching: () => react(change.allMatchingChosen),
    clearSelection: () => react(change.selectionCleared),
  };

  const removing = {
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
          if (!deleting.goesOn(getState(), confirm)) break;
        }
        react(deleting.done, performance.now());
      } catch (problem) {
        failed(problem, (text) => deleting.isStill(getState(), confirm) && react(deleting.failed, text));
      }
    },
  };

  const starting = {
    openStart: (job = "") => go({ ...place(), start: job, from: null }),
    runChanged: (task) => go({ ...place(), start: task.job, from: task.id }),
    closeStart: () => place().start !== null && go({ ...place(), start: null, from: null }),
    chooseJob(job) {
      fill(jobform.jobChosen, getState().jobs, job);
      go({ ...place(), start: job, from: null }, "replaceState");
    },
    setStartValue: (name, value) => fill(jobform.valueSet, name, value),
    setStartOption: (name, value) => fill(jobform.optionSet, name, value),
    openChoices: (field) => fill(choosing.choicesOpened, field),
    closeChoices: () => fill(choosing.choicesClosed),
    /** Drawn with the next frame: while the focus moves it is nowhere, and a drawing would put it somewhere. */
    leaveChoices: (field) => update(withFilled, choosing.choicesLeft, field),
    typeChoice: (field, text) => fill(choosing.choiceTyped, field, text),
    moveChoice: (step) => fill(choosing.choiceMoved, step),
    choose: (field, choice) => fill(choosing.choiceMade, field, choice),
    addTyped: (field) => fill(choosing.typedAdded, field),
    addLines: (field, lines) => fill(choosing.linesAdded, field, lines),
    removeItem: (field, index) => fill(choosing.itemRemoved, field, index),

    async startTask() {
      const { start, jobs } = getState();
      if (start === null || !jobform.canStart(start, jobs)) return;
      const job = jobform.jobNamed(jobs, start.job);
      const errors = jobform.unreadable(job, start);
      if (Object.keys(errors).length > 0) {
        fill(jobform.startRefused, { message: "", errors });
        return;
      }
      fill(jobform.startBegan);
      try {
        showCreated(await api.createTask(jobform.submission(job, start, getState().preferences.zone)));
      } catch (problem) {
        failed(problem, () => fill(jobform.startRefused, problem));
      }
    },
  };

  /** The form changes, unless it was closed meanwhile. */
  function fill(apply, ...values) {
    react(withFilled, apply, ...values);
  }

  function withFilled(state, apply, ...values) {
    return state.start === null ? state : change.withStart(state, apply(state.start, ...values));
  }

  /** Back in the list at once, with the new task in it. */
  function showCreated(task) {
    go(atTab("pending", place().view));
    react(change.taskCreated, task.id);
  }

  const withTask = {
    async runAgain(task) {
      const created = await attempt("Not run again", () => api.retryTask(task.id));
      if (created !== null) showCreated(created);
    },
    async stopNow(task) {
      const stopped = await attempt("Not stopped", () => api.stopNow(task.id));
      if (stopped !== null) tell(stopped);
    },
    async pin(task, pinned) {
      const changed = await attempt(pinned ? "Not kept" : "Still kept", () => api.pinTask(task.id, pinned));
      if (changed !== null) tell(changed);
    },
    async loadEarlierRounds() {
      const { open } = getState();
      update(change.withOpen, open.id, openTask.loadingEarlier);
      const load = () => newestRounds(open.id, openTask.earlierAfter(open), open.from);
      const earlier = await attempt("Earlier rounds", load);
      update(change.withOpen, open.id, (now) => openTask.withEarlier(now, earlier));
    },
    async copy(text) {
      note((await copyText(text)) ? "Copied" : "The browser does not let the page copy: select the text and copy it");
    },
  };

  function tell(task) {
    react(change.withOpen, task.id, (open) => openTask.withTask(open, task));
  }

  function preferPageSize(size) {
    settings.setPreference("pageSize", size);
  }

  const settings = {
    setPreference(name, value) {
      const changed = { ...getState().preferences, [name]: value };
      preferences.save(changed);
      useZone(changed.zone);
      react(change.withPreferences, changed);
    },
    async setNotify(isWanted) {
      const isAllowed = isWanted && (await askPermission()) === "granted";
      actions.setPreference("notify", isAllowed);
    },
    closeToast: (key) => react((state) => change.withToasts(state, without(state.toasts, key))),
    holdToasts: askForFrame,
  };

  const onClusters = makeCephActions({ getState, update, react, go, failed, tellFailure, preferPageSize });
  const actions = { ...signingIn, ...going, ...selecting, ...removing, ...starting, ...withTask, ...settings, ...onClusters };
  return actions;
}

/** Each only if it is still what the person saw: pending or final; or, of all that match, what it was then. */
async function* deletions({ tasks, matching }) {
  if (matching !== null) {
    yield* api.deleteMatching(requestOf(matching.query), matching.asOf);
    return;
  }
  const ids = (wanted) => tasks.filter((task) => isPending(task.status) === wanted).map((task) => task.id);
  yield await api.deleteTasks(ids(true), "pending");
  yield await api.deleteTasks(ids(false), "final");
}
