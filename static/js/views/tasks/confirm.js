/** The confirmation before tasks are deleted. The safe answer has the focus. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { mayDelete, wordToType } from "../../state/tasks/deleting.js";
import { counted, exactMoment, number } from "../../text/format.js";
import { WARNING, deleteSentence, deletionSummary, matchingSentence, mayRollNothingBack } from "../../text/sentences.js";
import { named } from "../parts/names.js";
import { statusIcon, statusTone } from "./status.js";

export function confirmView({ confirm }, act, extras) {
  return html`
    <dialog class="layer confirm-dialog" id="confirm-dialog" aria-labelledby="confirm-title" aria-describedby="confirm-text"
      @cancel=${(event) => confirm?.busy && stop(event, act)} @close=${(event) => event.target.open || act.keepTasks()}>
      ${confirm === null ? nothing : content(confirm, act, extras)}
    </dialog>
  `;
}

/** Handles Esc while tasks are being deleted: the dialog stays until the current step has ended. */
function stop(event, act) {
  event.preventDefault();
  act.keepTasks();
}

function content(confirm, act, { freshness, toasts }) {
  const { tasks, matching, busy, error } = confirm;
  const what = whatOf(confirm);
  return html`
    <header class="layer-head"><h2 id="confirm-title">Delete ${what}</h2></header>
    <div class="confirm-body" id="confirm-text">
      <p>${matching === null ? deleteSentence(tasks) : matchingSentence(matching)}</p>
      ${tasks.length === 1 && matching === null ? html`<p class="muted">It is task #${tasks[0].id}.</p>` : nothing}
      ${mayRollNothingBack(tasks) ? warning() : nothing}
      ${tasks.length > 1 && matching === null ? html`<ul class="chosen" tabindex="0" aria-label="Tasks to delete">${tasks.map(chosen)}</ul>` : nothing}
      ${matching === null ? nothing : typing(confirm, act)}
      ${busy ? html`<p class="mt-3 mb-0" role="status">${busyText(confirm)}</p>` : nothing}
      ${error ? html`<p class="alert alert-danger" role="alert">${error}</p>` : nothing}
    </div>
    <footer class="layer-foot">
      ${freshness}
      <span class="confirm-buttons">
        <button class="btn btn-outline-secondary" type="button" autofocus @click=${act.keepTasks}>${keepText(confirm)}</button>
        <button class="btn btn-danger" type="button" ?disabled=${!mayDelete(confirm)} aria-disabled=${busy ? "true" : "false"}
          @click=${act.deleteTasks}>Delete ${what}</button>
      </span>
    </footer>
    ${toasts}
  `;
}

function busyText({ results, isStopped }) {
  if (isStopped) return "Stopping after the current step…";
  return results.length === 0 ? "Deleting…" : `${deletionSummary(results)} so far…`;
}

function whatOf({ tasks, matching }) {
  if (matching !== null) return matching.isExact ? counted(matching.count, "task") : `${number(matching.count)}+ tasks`;
  return tasks.length === 1 ? "task" : counted(tasks.length, "task");
}

function keepText({ tasks, matching, busy }) {
  if (busy) return "Stop here";
  return tasks.length === 1 && matching === null ? "Keep task" : "Keep tasks";
}

function chosen(task) {
  return html`
    <li class=${`tone-${statusTone(task.status)}`}>
      <span class="chosen-what">
        <span class="chosen-name">${named(task.description)}</span> <span class="task-number">#${task.id}</span>
      </span>
      <span class="tone-text"><i class=${`bi ${statusIcon(task.status)}`} aria-hidden="true"></i> ${task.status}</span>
      <span class="muted chosen-time">last modified on <time datetime=${task.last_modified}>${exactMoment(task.last_modified)}</time></span>
    </li>
  `;
}

/** Draws the field to confirm a deletion of more than a page: the person types how many tasks they expect. */
function typing(confirm, act) {
  const word = wordToType(confirm);
  return html`
    <label class="typing">To confirm, type <strong>${word}</strong>
      <input class="form-control" autocomplete="off" spellcheck="false" .value=${live(confirm.typed)} ?disabled=${confirm.busy}
        @input=${(event) => act.typeConfirmation(event.target.value)}
        @keydown=${(event) => event.key === "Enter" && act.deleteTasks()}>
    </label>
  `;
}

function warning() {
  return html`<p class="warning"><i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i><span>${WARNING}</span></p>`;
}
