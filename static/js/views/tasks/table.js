/** The table of a tab. Rows are updated by key, so that focus, selection and scroll position stay with their task. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { isAnswered } from "../../state/paged_list.js";
import { addressOf } from "../../state/place.js";
import { isAll } from "../../state/selection.js";
import { chooseable } from "../../state/tasks/lists.js";
import { rows } from "../../state/tasks/task_list.js";
import { duration, runtimeSeconds } from "../../text/format.js";
import { estimateOf, numbered } from "../../text/sentences.js";
import { ESTIMATED, isFinal } from "../../text/statuses.js";
import { taskLink } from "../parts/names.js";
import { heading, selectAll, selectOne, sortChoice } from "../parts/sorting.js";
import { timeView } from "../parts/time.js";
import { completeBar } from "./complete.js";
import { moveInRows } from "./row_keys.js";
import { statusLine, statusTone } from "./status.js";

/** How often relative times are redrawn. */
const TICK_MILLISECONDS = 10000;

/** `by` is what the server sorts by; `first` the direction of a first click: what people look for comes first. */
const NAME = { title: "Name", kind: "name", by: "description", first: "", cell: nameCell };
const CREATED = { title: "Created", kind: "time", by: "created", first: "-", cell: (task, context) => timeView(task.created, context.now) };
const RUNTIME = { title: "Runtime", kind: "time", by: "runtime", first: "-", cell: runtimeCell };
const ENDED = { kind: "time", by: "last_modified", first: "-", cell: (task, context) => timeView(task.ended, context.now) };

export const COLUMNS = {
  pending: [
    NAME,
    CREATED,
    { title: "Complete", kind: "complete", by: "percent", first: "-", cell: completeBar },
    { title: "Estimated", kind: "time", by: ESTIMATED, first: "", cell: estimatedCell },
  ],
  failed: [
    NAME,
    { title: "Reason", kind: "reason", by: "status", first: "", cell: reasonCell },
    CREATED,
    RUNTIME,
    { ...ENDED, title: "Failed" },
  ],
  finished: [NAME, CREATED, RUNTIME, { ...ENDED, title: "Finished" }],
};

export function table(state, act, now) {
  const { role, place, created, selection, lists: { dialog: list } } = state;
  const { tab } = list.query;
  const columns = COLUMNS[tab];
  const choice = role === "admin" ? { selection, order: chooseable(list), act } : null;
  const context = { tab, place, created, columns, choice, zone: state.preferences.zone, now, act };
  return html`
    <table class="tasks" data-tab=${tab} aria-busy=${isAnswered(list) ? "false" : "true"}>
      <caption class="visually-hidden">${tab} tasks</caption>
      <thead><tr>
        ${choice ? selectAll(isAll(selection, choice.order), selection.ids.size > 0, act.clickSelectAll) : nothing}
        ${columns.map((column) => heading(column, list.query.ordering, act.sortBy))}
      </tr></thead>
      <tbody @pointerleave=${act.leaveTable} @focusout=${act.leaveTable} @keydown=${(event) => moveInRows(event, act)}>
        ${repeat(rows(list), (task) => task.id, (task) => guard(changeable(task, context), () => row(task, context)))}
      </tbody>
    </table>
  `;
}

/** Draws the list of orderings, for screens without room for headings. */
export function tasksSortChoice({ query: { tab, ordering } }, act) {
  return sortChoice(COLUMNS[tab], ordering, act.sortBy);
}

function row(task, context) {
  const { choice, columns, created } = context;
  const isSelected = choice?.selection.ids.has(task.id) ?? false;
  const state = task.gone ? "gone" : statusTone(task.status);
  const classes = `${isSelected ? "is-selected" : ""} ${task.id === created ? "is-created" : ""}`;
  return html`
    <tr data-task=${task.id} data-state=${state} class=${classes}>
      ${choice ? selectTask(task, isSelected, choice.act) : nothing}
      ${columns.map((column) => html`
        <td class=${`cell-${column.kind}`} data-label=${column.title}>${column.cell(task, context)}</td>`)}
    </tr>
  `;
}

/** Returns everything that a row depends on, so that unchanged rows are not drawn again. */
function changeable(task, { created, place, zone, choice, now }) {
  return [task, choice?.selection.ids.has(task.id), task.id === created, place, zone, Math.floor(now / TICK_MILLISECONDS)];
}

function selectTask(task, isSelected, act) {
  return selectOne(numbered(task), isSelected, Boolean(task.gone), (withShift) => act.clickRow(task.id, withShift));
}

function nameCell(task, { tab, place, now, act }) {
  return html`
    ${taskLink(task, "task-name", addressOf({ ...place, task: task.id }), () => act.openTask(task.id))}
    ${statusLine(task, tab, now)}
  `;
}

function estimatedCell(task, { now }) {
  if (isFinal(task.status)) return html`ended ${timeView(task.ended, now)}`;
  const estimate = estimateOf(task, now);
  if (estimate === "ahead") return timeView(task.estimated, now);
  return { soon: "any moment", late: "later than estimated" }[estimate] ?? html`<span class="muted">unknown</span>`;
}

function reasonCell(task) {
  return html`<div class="reason" title=${task.outcome}>${task.outcome}</div>`;
}

function runtimeCell(task) {
  const seconds = runtimeSeconds(task);
  return seconds === null ? html`<span class="muted">never ran</span>` : duration(seconds);
}
