/** The worker processes: what each is doing, and the resources that it uses. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { stateWords, workersText } from "../../state/statistics.js";
import { bytes, duration, number, percent } from "../../text/format.js";
import { onPlainClick } from "../parts/links.js";

const COLUMNS = ["Worker", "State", "Task", "CPU", "Memory", "Uptime", "Done"];
const PLACEHOLDERS = [0, 1];

const LOOKS = {
  starting: { icon: "bi-hourglass-top", tone: "amber" },
  idle: { icon: "bi-pause-circle", tone: "waiting" },
  busy: { icon: "bi-play-circle-fill", tone: "running" },
  ending: { icon: "bi-hourglass-split", tone: "amber" },
  "failed to start": { icon: "bi-x-circle-fill", tone: "exception" },
};
const UNKNOWN = { icon: "bi-question-circle", tone: "waiting" };

/** Draws the workers. `names` are the descriptions of tasks by id, as far as they are known. */
export function workersView(workers, error, names, act) {
  const all = workers?.results ?? null;
  return html`
    <section class="home-card" aria-labelledby="workers-title">
      <div class="home-card-head">
        <h2 id="workers-title">Workers</h2>
        <span class="muted">${all?.length ? workersText(all) : nothing}</span>
      </div>
      ${error ? html`<p class="home-note">The list of workers cannot be loaded at the moment: ${error}</p>` : nothing}
      ${all?.length === 0 ? html`<p class="home-empty">There are no workers, so no task can run.</p>` : table(all, error, names, act)}
    </section>
  `;
}

function table(all, error, names, act) {
  if (all === null && error) return nothing;
  return html`
    <table class="workers" role="table">
      <thead role="rowgroup"><tr role="row">
        ${COLUMNS.map((title) => html`<th scope="col" role="columnheader">${title}</th>`)}
      </tr></thead>
      <tbody role="rowgroup">
        ${all === null ? PLACEHOLDERS.map(placeholder) : repeat(all, keyOf, (worker) => row(worker, names, act))}
      </tbody>
    </table>
  `;
}

/** Returns the key of a worker: its process id or, while it is starting and has none, its place among the others. */
function keyOf({ pid }, index) {
  return pid ?? `place ${index}`;
}

function placeholder() {
  return html`<tr role="row">
    ${COLUMNS.map((title) => html`<td role="cell" data-label=${title}><span class="skeleton">&nbsp;</span></td>`)}
  </tr>`;
}

function row(worker, names, act) {
  const { word, reason } = stateWords(worker.state);
  const cells = [
    known(worker.pid, String),
    stateOf(word),
    known(worker.task, (id) => taskLink(id, names.get(id) ?? "", act)),
    known(worker.cpu_percent, percent),
    known(worker.memory_bytes, bytes),
    known(worker.uptime_seconds, duration),
    number(worker.tasks_done),
  ];
  return html`
    <tr role="row">${cells.map((cell, at) => html`<td role="cell" data-label=${COLUMNS[at]}>${cell}</td>`)}</tr>
    ${reason ? reasonRow(reason) : nothing}
  `;
}

function reasonRow(reason) {
  return html`<tr role="row" class="worker-reason"><td role="cell" colspan=${COLUMNS.length}>${reason}</td></tr>`;
}

function known(value, view) {
  return value === null ? html`<span class="muted">–</span>` : view(value);
}

function taskLink(id, name, act) {
  return html`<a href=${`?task=${id}`} title=${name} @click=${onPlainClick(() => act.openTask(id))}>#${id}</a>`;
}

function stateOf(word) {
  const { icon, tone } = LOOKS[word] ?? UNKNOWN;
  const sign = html`<i class=${`bi ${icon}`} aria-hidden="true"></i>`;
  return html`<span class=${`tone-${tone} tone-text worker-state`}>${sign} ${word}</span>`;
}
