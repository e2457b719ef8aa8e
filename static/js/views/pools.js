/** The pools of a cluster: what each is, what its PGs do, and the way to change them. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { isolated } from "../bidi.js";
import { bytes, number, percent } from "../format.js";
import { addressOf } from "../place.js";
import { pgsOf, stepText } from "../pools.js";
import { RUNNING } from "../statuses.js";
import { follow } from "./links.js";
import { named } from "./name.js";
import { heading, sortChoice } from "./sorting.js";
import { statusIcon, statusTone } from "./status.js";

const AUTOSCALE = { on: "on", off: "off", warn: "warns" };
const COLUMNS = [
  { title: "Name", kind: "name", by: "name", first: "", cell: ({ name }) => html`<span class="row-name">${named(name)}</span>` },
  { title: "PGs", kind: "pgs", by: "pg_num", first: "-", cell: pgsCell },
  { title: "Application", kind: "word", by: "application", first: "", cell: ({ application }) => application ?? none("none") },
  { title: "Replicas", kind: "number", by: "size", first: "-", cell: ({ size }) => number(size) },
  { title: "Autoscale", kind: "word", by: null, cell: ({ autoscale }) => AUTOSCALE[autoscale] ?? autoscale },
  { title: "Used", kind: "number", by: "used_bytes", first: "-", cell: usedCell },
  { title: "Task", kind: "task", by: null, cell: taskCell },
];

export function poolsTools(state, act) {
  return html`
    <button class="btn btn-sm btn-primary" type="button" aria-haspopup="dialog" @click=${act.openPoolForm}>
      <i class="bi bi-plus-lg" aria-hidden="true"></i> Create pool
    </button>
  `;
}

export function poolsSort({ query: { ordering } }, act) {
  return sortChoice(COLUMNS, ordering, act.sortViewBy);
}

export function poolsTable({ ceph, place, role }, isAnswered, act) {
  const { list, tasks, created } = ceph;
  const context = { tasks, place, act };
  const isAdmin = role === "admin";
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
    <button class="btn btn-sm btn-outline-secondary" type="button" aria-haspopup="dialog"
      aria-label=${`Set number of PGs of pool ${isolated(name)}`} @click=${() => act.openPgsForm(id)}>Set number of PGs</button>
  `;
}

function none(word) {
  return html`<span class="muted">${word}</span>`;
}

function pgsCell(pool, { tasks }) {
  const task = tasks.get(pool.task);
  const pgs = pgsOf(pool, task);
  if (pgs.kind === "still") return html`<span class="pgs-number">${number(pgs.to)}</span>`;
  return html`
    <div class="pgs">
      <span class="pgs-number">${arrow(pgs)}</span>
      ${pgs.kind === "moves" ? nothing : bar(pool, task)}
    </div>
    <div class="pgs-note muted">${note(pool, pgs, task)}</div>
  `;
}

function arrow({ kind, from, to }) {
  return kind === "creates" || from === to ? number(to) : `${number(from)} → ${number(to)}`;
}

function bar({ name }, task) {
  return html`
    <span class=${`complete ${task.status === RUNNING ? "is-moving" : ""}`}>
      <progress max="100" value=${task.percent} aria-label=${`PGs of pool ${isolated(name)}`}></progress>
      <span class="complete-text">${percent(task.percent)}</span>
    </span>
  `;
}

/** Something else than a task of ours may change them: then nobody knows from where it began. */
function note(pool, pgs, task) {
  const steps = stepText(pool, pgs);
  if (pgs.kind === "moves") return [steps, "not by a task here"].filter(Boolean).join(", ");
  if (pgs.kind === "waits") return "waits for its turn";
  if (pgs.kind === "creates") return `being created${task.message ? `: ${isolated(task.message)}` : ""}`;
  return steps || "looking whether it holds";
}

function usedCell({ used_bytes: used, size }) {
  return html`<span title=${`On all OSDs together, all ${number(size)} copies included`}>${bytes(used)}</span>`;
}

function taskCell({ task: id }, { tasks, place, act }) {
  if (id === null) return nothing;
  const task = tasks.get(id);
  return html`
    <a class="pool-task" href=${addressOf({ ...place, task: id })} data-task=${id} title=${task?.description ?? ""}
      @click=${follow(() => act.openTask(id))}>#${id}</a>
    ${task === undefined ? nothing : html`
      <span class=${`tone-${statusTone(task.status)}`}><span class="tone-text status-word">
        <i class=${`bi ${statusIcon(task.status)}`} aria-hidden="true"></i> ${task.status}</span></span>
    `}
  `;
}
