/** Actions of the form that starts a task; actions.js describes their context. */

import * as api from "../server/api.js";
import * as change from "../state/state.js";
import * as choosing from "../state/tasks/choosing.js";
import * as jobForm from "../state/tasks/job_form.js";

export function startActions({ getState, update, react, go, failed, place, showCreated }) {
  /** Changes the form, unless it was closed meanwhile. */
  function fill(apply, ...values) {
    react(withFilled, apply, ...values);
  }

  return {
    openStart: (job = "") => go({ ...place(), start: job, from: null }),
    runChanged: (task) => go({ ...place(), start: task.job, from: task.id }),
    closeStart: () => place().start !== null && go({ ...place(), start: null, from: null }),
    chooseJob(job) {
      fill(jobForm.jobChosen, getState().jobs, job);
      go({ ...place(), start: job, from: null }, "replaceState");
    },
    setStartValue: (name, value) => fill(jobForm.valueSet, name, value),
    setStartOption: (name, value) => fill(jobForm.optionSet, name, value),
    openChoices: (field) => fill(choosing.choicesOpened, field),
    closeChoices: () => fill(choosing.choicesClosed),
    /** Draws only with the next frame: while the focus moves, no element has it, and drawing now would set it elsewhere. */
    leaveChoices: (field) => update(withFilled, choosing.choicesLeft, field),
    typeChoice: (field, text) => fill(choosing.choiceTyped, field, text),
    moveChoice: (step) => fill(choosing.choiceMoved, step),
    choose: (field, choice) => fill(choosing.choiceMade, field, choice),
    addTyped: (field) => fill(choosing.typedAdded, field),
    addLines: (field, lines) => fill(choosing.linesAdded, field, lines),
    removeItem: (field, index) => fill(choosing.itemRemoved, field, index),

    async startTask() {
      const { start, jobs } = getState();
      if (start === null || !jobForm.canStart(start, jobs)) return;
      const job = jobForm.jobNamed(jobs, start.job);
      const errors = jobForm.unreadable(job, start);
      if (Object.keys(errors).length > 0) {
        fill(jobForm.startRefused, { message: "", errors });
        return;
      }
      fill(jobForm.startBegan);
      try {
        showCreated(await api.createTask(jobForm.submission(job, start, getState().preferences.zone)));
      } catch (problem) {
        failed(problem, () => fill(jobForm.startRefused, problem));
      }
    },
  };
}

function withFilled(state, apply, ...values) {
  return state.start === null ? state : change.withStart(state, apply(state.start, ...values));
}
