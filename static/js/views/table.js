/** The table of a tab. Rows are patched by key, so that focus, selection and scroll stay with their task. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { duration, runtimeSeconds } from "../format.js";
import { addressOf } from "../place.js";
import { isAll } from "../selection.js";
import { chooseable } from "../state.js";
import { ESTIMATED, isFinal } from "../statuses.js";
import { isAnswered, rows } from "../tasklist.js";
import { estimateOf } from "../words.js";
import { completeBar } from "./complete.js";
import { follow } from "./links.js";
import { moveInRows } from "./rowkeys.js";
import { statusLine, statusTone } from "./status.js";
import { timeView } from "./time.js";

/** How often relative times go on. */
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
        ${choice ? selectAll(choice) : nothing}
        ${columns.map((column) => heading(column, list.query.ordering, act))}
      </tr></thead>
      <tbody @pointerleave=${act.leaveTable} @focusout=${act.leaveTable} @keydown=${(event) => moveInRows(event, act)}>
        ${repeat(rows(list), (task) => task.id, (task) => guard(changeable(task, context), () => row(task, context)))}
      </tbody>
    </table>
  `;
}

function heading(column, ordering, act) {
  const isBy = ordering.replace("-", "") === column.by;
  const isDown = ordering.startsWith("-");
  const direction = isDown ? "descending" : "ascending";
  return html`
    <th scope="col" class=${`cell-${column.kind}`} aria-sort=${isBy ? direction : "none"}>
      <button class="sort" type="button" @click=${() => act.sortBy(nextOrdering(column, ordering))}>
        ${column.title}<i class=${`bi ${isBy ? (isDown ? "bi-arrow-down" : "bi-arrow-up") : "bi-arrow-down-up"}`} aria-hidden="true"></i>
      </button>
    </th>
  `;
}

function nextOrdering({ by, first }, ordering) {
  if (ordering === by) return `-${by}`;
  return ordering === `-${by}` ? by : `${first}${by}`;
}

/** The same choice where there is no room for headings. */
export function sortChoice({ query: { tab, ordering } }, act) {
  const options = COLUMNS[tab].flatMap(({ title, by, first }) => {
    const other = first === "-" ? "" : "-";
    return [[`${first}${by}`, title], [`${other}${by}`, `${title}, reversed`]];
  });
  return html`
    <label class="sort-choice">Sort by
      <select class="form-select form-select-sm" .value=${live(ordering)} @change=${(event) => act.sortBy(event.target.value)}>
        ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === ordering}>${text}</option>`)}
      </select>
    </label>
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

function row(task, context) {
  const { choice, columns, created } = context;
  const isSelected = choice?.selection.ids.has(task.id) ?? false;
  const state = task.gone ? "gone" : statusTone(task.status);
  const classes = `${isSelected ? "is-selected" : ""} ${task.id === created ? "is-created" : ""}`;
  return html`
    <tr data-task=${task.id} data-state=${state} class=${classes}>
      ${choice ? selectOne(task, isSelected, choice.act) : nothing}
      ${columns.map((column) => html`
        <td class=${`cell-${column.kind}`} data-label=${column.title}>${column.cell(task, context)}</td>`)}
    </tr>
  `;
}

/** All that a row is drawn from: one that has not changed costs nothing, however often the page is drawn. */
function changeable(task, { created, place, zone, choice, now }) {
  return [task, choice?.selection.ids.has(task.id), task.id === created, place, zone, Math.floor(now / TICK_MILLISECONDS)];
}

function selectOne(task, isSelected, act) {
  return html`
    <td class="cell-select"><label class="select">
      <input class="form-check-input" type="checkbox" aria-label=${`Select ${task.description}`} .checked=${live(isSelected)}
        ?disabled=${Boolean(task.gone)} @click=${(event) => act.clickRow(task.id, event.shiftKey)}>
    </label></td>
  `;
}

function nameCell(task, { tab, place, now, act }) {
  return html`
    <a class="task-name" href=${addressOf({ ...place, task: task.id })} data-task=${task.id}
      @click=${follow(() => act.openTask(task.id))}>${task.description}</a>
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
