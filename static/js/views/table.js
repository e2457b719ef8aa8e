/** The table of a tab. Rows are patched by key, so that focus, selection and scroll stay with their task. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { duration, fullMoment, moment, percent, runtimeSeconds } from "../format.js";
import { isAll } from "../selection.js";
import { chooseable } from "../state.js";
import { RUNNING, isFinal } from "../statuses.js";
import { rows } from "../tasklist.js";
import { emptyText } from "../words.js";
import { statusLine, statusTone } from "./status.js";

const NAME = { title: "Name", kind: "name", cell: nameCell };
const CREATED = { title: "Created", kind: "time", cell: (task, tab, now) => time(task.created, now) };
const RUNTIME = { title: "Runtime", kind: "time", cell: runtimeCell };
const ENDED = { kind: "time", cell: (task, tab, now) => time(task.ended, now) };

const COLUMNS = {
  pending: [
    NAME,
    CREATED,
    { title: "Complete", kind: "complete", cell: completeCell },
    { title: "Estimated", kind: "time", cell: estimatedCell },
  ],
  failed: [NAME, { title: "Reason", kind: "reason", cell: reasonCell }, CREATED, RUNTIME, { ...ENDED, title: "Failed" }],
  finished: [NAME, CREATED, RUNTIME, { ...ENDED, title: "Finished" }],
};

export function table(state, act, now) {
  const { list, role } = state;
  if (list.order.length === 0) return html`<p class="empty">${emptyText(list.tab)}</p>`;
  const columns = COLUMNS[list.tab];
  const choice = role === "admin" ? { selection: state.dialog.selection, order: chooseable(list), act } : null;
  return html`
    <table class="tasks" data-tab=${list.tab}>
      <caption class="visually-hidden">${list.tab} tasks</caption>
      <thead><tr>
        ${choice ? selectAll(choice) : nothing}
        ${columns.map((column) => html`<th scope="col" class=${`cell-${column.kind}`}>${column.title}</th>`)}
      </tr></thead>
      <tbody @pointerleave=${act.leaveTable} @focusout=${act.leaveTable}>
        ${repeat(rows(list), (task) => task.id, (task) => row(task, list.tab, columns, choice, now))}
      </tbody>
    </table>
  `;
}

function selectAll({ selection, order, act }) {
  const all = isAll(selection, order);
  return html`
    <th scope="col" class="cell-select"><label class="select">
      <input class="form-check-input" type="checkbox" .checked=${live(all)}
        .indeterminate=${live(!all && selection.ids.size > 0)} @click=${act.clickSelectAll}>
      <span>Select all</span>
    </label></th>
  `;
}

function row(task, tab, columns, choice, now) {
  const isSelected = choice?.selection.ids.has(task.id) ?? false;
  const state = task.gone ? "gone" : statusTone(task.status);
  return html`
    <tr data-task=${task.id} data-state=${state} class=${isSelected ? "is-selected" : ""}>
      ${choice ? selectOne(task, isSelected, choice.act) : nothing}
      ${columns.map((column) => html`
        <td class=${`cell-${column.kind}`} data-label=${column.title}>${column.cell(task, tab, now)}</td>`)}
    </tr>
  `;
}

function selectOne(task, isSelected, act) {
  return html`
    <td class="cell-select"><label class="select">
      <input class="form-check-input" type="checkbox" aria-label=${`Select ${task.description}`} .checked=${live(isSelected)}
        ?disabled=${Boolean(task.gone)} @click=${(event) => act.clickRow(task.id, event.shiftKey)}>
    </label></td>
  `;
}

function nameCell(task, tab, now) {
  return html`<div class="task-name">${task.description}</div>${statusLine(task, tab, now)}`;
}

function completeCell(task) {
  const text = percent(task.percent);
  return html`
    <div class=${`complete ${task.status === RUNNING && !task.gone ? "is-moving" : ""}`}>
      <progress max="100" value=${task.percent} aria-label=${`Complete: ${task.description}`}></progress>
      <span class="complete-text">${text}</span>
    </div>
  `;
}

function estimatedCell(task, tab, now) {
  if (isFinal(task.status)) return html`ended ${time(task.ended, now)}`;
  if (task.estimated === null || task.stalled) return html`<span class="muted">unknown</span>`;
  return time(task.estimated, now);
}

function reasonCell(task) {
  return html`<div class="reason" title=${task.outcome}>${task.outcome}</div>`;
}

function runtimeCell(task) {
  const seconds = runtimeSeconds(task);
  return seconds === null ? html`<span class="muted">never ran</span>` : duration(seconds);
}

function time(text, now) {
  if (!text) return html`<span class="muted">unknown</span>`;
  return html`<time datetime=${text} title=${fullMoment(text)}>${moment(text, now)}</time>`;
}
