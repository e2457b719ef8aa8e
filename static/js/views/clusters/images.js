/** The RBD images of a cluster: their usage and performance, and the form to collect newer data. */

import { html, nothing, svg } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { bytesRate, rate } from "../../state/clusters/curves.js";
import { covers, isMeasured, namesIn, pathOf, samplings, sparkline, sparklineText, usedShare } from "../../state/clusters/images.js";
import { NO_CURVES, addressOf } from "../../state/place.js";
import { isAll } from "../../state/selection.js";
import { isolated } from "../../text/bidi.js";
import { errorText } from "../../text/errno.js";
import { bytes, duration, percent } from "../../text/format.js";
import { onPlainClick } from "../parts/links.js";
import { named, taskLink } from "../parts/names.js";
import { heading, selectAll, selectOne, sortChoice } from "../parts/sorting.js";
import { timeView } from "../parts/time.js";
import { completeBar } from "../tasks/complete.js";
import { statusLine } from "../tasks/status.js";
import { clusterView } from "./clusters.js";

const WIDTH = 120;
const HEIGHT = 28;
const COLUMNS = [
  { title: "Pool", kind: "word", by: "pool", first: "", cell: poolCell },
  { title: "Name", kind: "name", by: "name", first: "", cell: nameCell },
  { title: "Used", kind: "used", by: "used_bytes", first: "-", cell: usedCell },
  { title: "Operations", kind: "spark", by: null, cell: sparkCell },
  { title: "Reads", kind: "rate", by: "read_ops", first: "-", cell: (image) => rateCell(image, "read") },
  { title: "Writes", kind: "rate", by: "write_ops", first: "-", cell: (image) => rateCell(image, "write") },
  { title: "Latency", kind: "latency", by: "write_latency_seconds", first: "-", cell: latencyCell },
  { title: "Measured", kind: "time", by: "performance_as_of", first: "-", cell: measuredCell },
];

const PARTS = {
  table,
  tools,
  sort,
  one: "image",
  none: "There are no RBD images in this cluster.",
  noneReadable: "There are no RBD images in the pools that can be read.",
};

/** Draws the view, as in views.js. */
export function imagesView(state, act, now) {
  return clusterView(PARTS, state, act, now);
}

function tools({ ceph: { selection } }, act) {
  const count = selection.ids.size;
  return html`
    <button class="btn btn-sm btn-primary" type="button" aria-haspopup="dialog" @click=${act.openPerformanceForm}>
      <i class="bi bi-graph-up" aria-hidden="true"></i> Get RBD performance data
    </button>
    <span class="muted" aria-live="polite">${count === 0 ? "" : `${count} selected`}</span>
  `;
}

function sort({ query: { ordering } }, act) {
  return sortChoice(COLUMNS, ordering, act.sortViewBy);
}

function table({ ceph, place, role, preferences }, isAnswered, act, now) {
  const { list, selection } = ceph;
  const running = samplings(ceph.tasks, list.query.fsid);
  const choice = role === "admin" ? selection : null;
  const context = { place, running, act, now };
  const paths = list.results.map(pathOf);
  return html`
    ${running.length === 0 ? nothing : samplingLines(running, context)}
    ${list.results.every(({ used_bytes: used, error }) => used !== null || error) ? nothing : usedNote()}
    <table class="tasks" data-tab="images" aria-busy=${isAnswered ? "false" : "true"}>
      <caption class="visually-hidden">RBD images</caption>
      <thead><tr>
        ${choice ? selectAll(isAll(choice, paths), choice.ids.size > 0, act.clickAllImages) : nothing}
        ${COLUMNS.map((column) => heading(column, list.query.ordering, act.sortViewBy))}
      </tr></thead>
      <tbody>${repeat(list.results, pathOf, (image) => row(image, choice, context, preferences))}</tbody>
    </table>
  `;
}

function usedNote() {
  return html`<p class="muted view-note">Usage appears once performance data has been collected.</p>`;
}

function row(image, choice, context, { zone }) {
  const path = pathOf(image);
  const isSelected = choice?.ids.has(path) ?? false;
  const label = isolated(namesIn(path));
  const sampling = context.running.find((task) => covers(task, image));
  const minute = Math.floor(context.now / 10000);
  return html`
    <tr class=${isSelected ? "is-selected" : ""}>
      ${choice ? selectOne(label, isSelected, false, (withShift) => context.act.clickImage(path, withShift)) : nothing}
      ${guard([image, sampling, context.place, minute, zone], () => COLUMNS.map(({ title, kind, cell }) =>
        html`<td class=${`cell-${kind}`} data-label=${title}>${cell(image, { ...context, sampling })}</td>`))}
    </tr>
  `;
}

/** Draws the tasks that are collecting data, with their progress and a link to their curves. */
function samplingLines(running, { place, act, now }) {
  return html`
    <ul class="home-tasks samplings" aria-label="Tasks that get performance data">
      ${repeat(running, ({ id }) => id, (task) => html`
        <li class="home-task">
          <div class="home-task-what">
            <div class="home-task-line">
              ${taskLink(task, "home-task-name", addressOf({ ...place, task: task.id }), () => act.openTask(task.id))}
            </div>
            ${statusLine(task, "pending", now)}
          </div>
          <div class="home-task-how">${completeBar(task)}</div>
        </li>`)}
    </ul>
  `;
}

// Cells.

function poolCell({ pool, namespace }) {
  if (!namespace) return named(pool);
  return html`${named(pool)}<div class="muted cell-second">namespace ${named(namespace)}</div>`;
}

function nameCell({ name, error }) {
  return html`<span class="row-name">${named(name)}</span>${error ? errorView(error) : nothing}`;
}

/** Draws why an image cannot be read, in the cluster's words: it has no figures. */
function errorView(error) {
  return html`
    <div class="image-error"><i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i>
      <span>Cannot be read: ${named(errorText(error))}</span></div>
  `;
}

function usedCell(image) {
  if (image.size_bytes === null) return none("–");
  const share = usedShare(image);
  const size = bytes(image.size_bytes);
  if (share === null) {
    return html`<div class="used-text">${size} <span class="muted">used: not known yet</span></div>`;
  }
  return html`
    <div class="used-text">${bytes(image.used_bytes)} of ${size}</div>
    <progress class="used" max="1" value=${share} aria-label=${`Used of ${isolated(namesIn(pathOf(image)))}: ${percent(share * 100)}`}></progress>
  `;
}

function sparkCell({ performance }) {
  if (!isMeasured(performance)) return none("–");
  const label = sparklineText(performance.series);
  const lines = sparkline(performance.series, WIDTH - 4, HEIGHT - 4);
  return html`
    <svg class="spark" width=${WIDTH} height=${HEIGHT} viewBox="-2 -2 120 28" role="img" aria-label=${label}>
      <title>${label}</title>
      ${lines.map((points) => svg`<polyline points=${points}></polyline>`)}
    </svg>
  `;
}

function rateCell({ performance }, side) {
  if (!isMeasured(performance)) return none("–");
  return html`
    <div>${rate(performance[`${side}_ops`].mean)}/s</div>
    <div class="muted cell-second">${bytesRate(performance[`${side}_bytes`].mean)}</div>
  `;
}

function latencyCell({ performance }) {
  if (!isMeasured(performance)) return none("–");
  const text = (side) => (performance[`${side}_ops`].mean > 0 ? duration(performance[`${side}_latency_seconds`].mean) : "–");
  return html`
    <div><span class="muted">read</span> ${text("read")}</div>
    <div><span class="muted">write</span> ${text("write")}</div>
  `;
}

function measuredCell(image, { sampling, place, act, now }) {
  const { performance, performance_as_of: asOf, error } = image;
  if (error) return none("–");
  if (sampling !== undefined) return html`sampling…<div class="cell-second">${curvesLink(image, sampling.id, place, act)}</div>`;
  if (performance === null) return none("never");
  const link = performance.measured ? curvesLink(image, performance.task, place, act) : none("not measured");
  return html`${timeView(asOf, now)}<div class="cell-second">${link}</div>`;
}

function curvesLink(image, task, place, act) {
  const path = pathOf(image);
  const curves = { ...NO_CURVES, images: [path] };
  return html`
    <a href=${addressOf({ ...place, task, curves })} data-task=${task}
      @click=${onPlainClick(() => act.openTask(task, curves))}>Curves<span class="visually-hidden"> of ${isolated(namesIn(path))}</span></a>
  `;
}

function none(text) {
  return html`<span class="muted">${text}</span>`;
}
