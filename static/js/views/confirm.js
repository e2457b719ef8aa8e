/** Asks before tasks are deleted. The safe answer has the focus. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { exactMoment } from "../format.js";
import { WARNING, deleteSentence, mayRollNothingBack, tasks as tasksText } from "../words.js";
import { statusIcon, statusTone } from "./status.js";

export function confirmView(state, act, extras) {
  const confirm = state.dialog?.confirm ?? null;
  return html`
    <dialog class="layer confirm-dialog" id="confirm-dialog" aria-labelledby="confirm-title" aria-describedby="confirm-text"
      @close=${(event) => event.target.open || act.keepTasks()}>
      ${confirm === null ? nothing : content(confirm, act, extras)}
    </dialog>
  `;
}

function content({ tasks, busy, error }, act, { freshness, toasts }) {
  const what = tasks.length === 1 ? "task" : tasksText(tasks.length);
  return html`
    <header class="layer-head"><h2 id="confirm-title">Delete ${what}</h2></header>
    <div class="confirm-body" id="confirm-text">
      <p>${deleteSentence(tasks)}</p>
      ${mayRollNothingBack(tasks) ? warning() : nothing}
      ${tasks.length > 1 ? html`<ul class="chosen" tabindex="0" aria-label="Tasks to delete">${tasks.map(chosen)}</ul>` : nothing}
      ${error ? html`<p class="alert alert-danger" role="alert">${error}</p>` : nothing}
    </div>
    <footer class="layer-foot">
      ${freshness}
      <span class="confirm-buttons">
        <button class="btn btn-outline-secondary" type="button" autofocus @click=${act.keepTasks}>
          ${tasks.length === 1 ? "Keep task" : "Keep tasks"}
        </button>
        <button class="btn btn-danger" type="button" aria-disabled=${busy ? "true" : "false"} @click=${act.deleteTasks}>
          Delete ${what}
        </button>
      </span>
    </footer>
    ${toasts}
  `;
}

function chosen(task) {
  return html`
    <li class=${`tone-${statusTone(task.status)}`}>
      <span class="chosen-name">${task.description}</span>
      <span class="tone-text"><i class=${`bi ${statusIcon(task.status)}`} aria-hidden="true"></i> ${task.status}</span>
      <span class="muted chosen-time">last modified on <time datetime=${task.last_modified}>${exactMoment(task.last_modified)}</time></span>
    </li>
  `;
}

function warning() {
  return html`<p class="warning"><i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i><span>${WARNING}</span></p>`;
}
