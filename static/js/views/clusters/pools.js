/** The pools of a cluster: their properties, changes of their PGs, and the form to change them. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { changeOfPool } from "../../state/clusters/elsewhere.js";
import { pgsOf, stepText } from "../../state/clusters/pools.js";
import { addressOf } from "../../state/place.js";
import { isolated } from "../../text/bidi.js";
import { bytes, number } from "../../text/format.js";
import { RUNNING } from "../../text/statuses.js";
import { onPlainClick } from "../parts/links.js";
import { named } from "../parts/names.js";
import { heading, sortChoice } from "../parts/sorting.js";
import { progressBar } from "../tasks/complete.js";
import { statusIcon, statusTone } from "../tasks/status.js";
import { clusterView } from "./clusters.js";
import { followButton } from "./elsewhere.js";

const AUTOSCALE = { on: "on", off: "off", warn: "warns" };
const COLUMNS = [
  { title: "Name", kind: "name", by: "name", first: "", cell: nameCell },
  { title: "PGs", kind: "pgs", by: "pg_num", first: "-", cell: pgsCell },
  { title: "Application", kind: "word", by: "application", first: "", cell: applicationsCell },
  { title: "Replicas", kind: "number", by: "size", first: "-", cell: ({ size }) => number(size) },
  { title: "Autoscale", kind: "word", by: null, cell: ({ autoscale }) => AUTOSCALE[autoscale] ?? autoscale },
  { title: "Used", kind: "number", by: "used_bytes", first: "-", cell: usedCell },
  { title: "Task", kind: "task", by: null, cell: taskCell },
];

function nameCell({ name, internal }) {
  return html`<span class="row-name">${named(name)}</span>${internal ? internalMark() : nothing}`;
}

function internalMark() {
  return html` <span class="pool-internal" title="Ceph created this pool for its own use. It is not offered in forms.">internal</span>`;
}

/** Draws all applications, each isolated, since they are text from outside. */
function applicationsCell({ applications }) {
  if (applications.length === 0) return none("none");
  return applications.map((one, at) => html`${at === 0 ? nothing : ", "}${named(one)}`);
}

const PARTS = { table, tools, sort, one: "pool", none: "There are no pools in this cluster." };

/** Draws the view, as in views.js. */
export function poolsView(state, act, now) {
  return clusterView(PARTS, state, act, now);
}

function tools(state, act) {
  return html`
    <button class="btn btn-sm btn-primary" type="button" aria-haspopup="dialog" @click=${act.openPoolForm}>
      <i class="bi bi-plus-lg" aria-hidden="true"></i> Create pool
    </button>
  `;
}

function sort({ query: { ordering } }, act) {
  return sortChoice(COLUMNS, ordering, act.sortViewBy);
}

function table({ ceph, elsewhere, place, role }, isAnswered, act) {
  const { list, tasks, created } = ceph;
  const isAdmin = role === "admin";
  const context = { tasks, place, act, elsewhere, isAdmin, fsid: list.query.fsid };
  return html`
    <table class="tasks" data-tab="pools" aria-busy=${isAnswered ? "false" : "true"}>
      <caption class="visually-hidden">Pools</caption>
      <thead><tr>
        ${COLUMNS.map((column) => heading(column, list.query.ordering, act.sortViewBy))}
        ${isAdmin ? html`<th scope="col" class="cell-act"><span class="visually-hidden">Actions</span></th>` : nothing}
      </tr></thead>
      <tbody>
        ${repeat(list.results, ({ id }) => id, (pool) => html`
          <tr class=${pool.name === created ? "is-created" : ""}>
            ${COLUMNS.map(({ title, kind, cell }) => html`<td class=${`cell-${kind}`} data-label=${title}>${cell(pool, context)}</td>`)}
            ${isAdmin ? html`<td class="cell-act">${changeButton(pool, act)}</td>` : nothing}
          </tr>`)}
      </tbody>
    </table>
  `;
}

function changeButton({ id, name }, act) {
  return html`
    <button class="btn btn-sm btn-outline-secondary" type="button" aria-haspopup="dialog" id=${changeButtonId(id)}
      aria-label=${`Set number of PGs of pool ${isolated(name)}`} @click=${() => act.openPgsForm(id)}>Set number of PGs</button>
  `;
}

function changeButtonId(poolId) {
  return `set-pgs-${poolId}`;
}

function none(word) {
  return html`<span class="muted">${word}</span>`;
}

function pgsCell(pool, context) {
  const task = context.tasks.get(pool.task);
  const change = changeOfPool(context.elsewhere, context.fsid, pool.id);
  const pgs = pgsOf(pool, task, change);
  if (pgs.kind === "still") return html`<span class="pgs-number">${number(pgs.to)}</span>`;
  const label = `PGs of pool ${isolated(pool.name)}`;
  return html`
    <div class="pgs">
      <span class="pgs-number">${arrow(pgs)}</span>
      ${pgs.kind === "moves" ? changeBar(change, label) : progressBar(task.percent, label, task.status === RUNNING)}
    </div>
    ${pgs.kind === "moves" ? movesNote(pool, pgs, change, context) : html`<div class="pgs-note muted">${note(pool, pgs, task)}</div>`}
  `;
}

function changeBar(change, label) {
  return change === undefined ? nothing : progressBar(change.percent, label);
}

function arrow({ kind, from, to }) {
  return kind === "creates" || from === to ? number(to) : `${number(from)} → ${number(to)}`;
}

function note(pool, pgs, task) {
  if (pgs.kind === "waits") return "waiting for its turn";
  if (pgs.kind === "creates") return `being created${task.message ? `: ${isolated(task.message)}` : ""}`;
  return stepText(pool, pgs) || "waiting until all PGs are clean";
}

/** Draws the note for a change by something other than a task that sets PGs; a task may follow it. */
function movesNote(pool, pgs, change, { isAdmin, fsid, act }) {
  const isOurs = pool.task !== null;
  const text = [stepText(pool, pgs), isOurs ? "" : "not by a task here"].filter(Boolean).join(", ");
  const row = { fsid, id: pool.id, pool: pool.name };
  return html`
    <div class="pgs-note muted">
      <span title=${change?.text ?? nothing}>${text}</span>
      ${isAdmin && !isOurs ? followButton(row, change?.isFollowing ?? false, `#${changeButtonId(pool.id)}`, act) : nothing}
    </div>
  `;
}

function usedCell({ used_bytes: used, size }) {
  return html`<span title=${`On all OSDs together, including all ${number(size)} copies`}>${bytes(used)}</span>`;
}

function taskCell({ task: id }, { tasks, place, act }) {
  if (id === null) return nothing;
  const task = tasks.get(id);
  return html`
    <a class="pool-task" href=${addressOf({ ...place, task: id })} data-task=${id} title=${task?.description ?? ""}
      @click=${onPlainClick(() => act.openTask(id))}>#${id}</a>
    ${task === undefined ? nothing : html`
      <span class=${`tone-${statusTone(task.status)}`}><span class="tone-text status-word">
        <i class=${`bi ${statusIcon(task.status)}`} aria-hidden="true"></i> ${task.status}</span></span>
    `}
  `;
}
