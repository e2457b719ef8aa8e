/** The performance data of a task: as curves while it runs and afterwards, as a table, and as a file. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { MEASURES, MOST_CURVES, SIDES, dataOf, failedImages, plotData, selectedPaths, summaries } from "../../state/clusters/curves.js";
import { namesIn } from "../../state/clusters/images.js";
import { isolated } from "../../text/bidi.js";
import { errorText } from "../../text/errno.js";
import { bytes, counted, duration, number, timeOfDay } from "../../text/format.js";
import { isFinal } from "../../text/statuses.js";
import { chart } from "../parts/chart.js";
import { named } from "../parts/names.js";
import { unreadableView } from "./unreadable.js";

const HEIGHT = 240;
const MOST_ROWS = 200;
const MOST_FAILED = 50;
const FIGURES = ["mean", "p50", "p95", "max"];
/** Distances between ticks: 1, 2 and 5 in each power of ten. */
const STEPS = Array.from({ length: 20 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** (power - 6))).flat();
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

export function performanceView(open, curves, act) {
  return guard([open.rounds, open.task.result, open.task.status, curves], () => {
    const data = dataOf(open);
    const content = data === null ? nothingYet(open.task) : known(open, data, curves, act);
    return html`${missingView(open.task.result)}${failedView(failedImages(open))}${content}`;
  });
}

/** Draws the button that saves the data as a file, if there are any. */
export function csvButton(open, act) {
  const name = `rbd-performance-${open.id}.csv`;
  const save = () => {
    const data = dataOf(open);
    if (data !== null) act.saveCsv(data, name);
  };
  return html`
    <button class="btn btn-sm copy" type="button" @click=${save}>
      <i class="bi bi-download" aria-hidden="true"></i> Download CSV
    </button>
  `;
}

function nothingYet({ status, result_bytes: size }) {
  if (!isFinal(status)) return html`<p class="muted">Curves appear with the first sample.</p>`;
  return html`<p class="muted">${size > 0 ? "Loading…" : "No samples were taken."}</p>`;
}

/** Draws why there are fewer samples than requested, and the pools whose images are missing in the result. */
function missingView(result) {
  const { incomplete = null, unreadable = [] } = result ?? {};
  return html`
    ${incomplete === null ? nothing : html`<p class="incomplete"><i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i>
      <span>It ended before all samples were taken: ${named(incomplete)}</span></p>`}
    ${unreadableView(unreadable, (its) => `could not be read: ${its} images may not have been measured`)}
  `;
}

/** Draws which images could not be read, in the cluster's words; the others are measured nevertheless. */
function failedView(failed) {
  if (failed.length === 0) return nothing;
  const left = failed.length - MOST_FAILED;
  return html`
    <section class="failed-images" aria-labelledby="failed-images-title">
      <h4 id="failed-images-title">
        <i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i>
        ${counted(failed.length, "image")} could not be read
      </h4>
      <ul>
        ${failed.slice(0, MOST_FAILED).map(({ path, error }) => html`
          <li><strong>${named(namesIn(path))}</strong> <span>${named(errorText(error))}</span></li>`)}
      </ul>
      ${left > 0 ? html`<p class="muted">${number(left)} more are in the result.</p>` : nothing}
    </section>
  `;
}

function known(open, data, curves, act) {
  const { measure, side } = curves;
  const paths = selectedPaths(data, curves.images);
  return html`
    <div class="curve-choices">
      ${choice("What", "measure", MEASURES, measure, act)}
      ${choice("Of", "side", SIDES, side, act)}
    </div>
    ${curvesChart(data, paths, measure, side)}
    ${summaryTable(summaries(open, data, measure), paths, measure, act)}
  `;
}

function choice(legend, name, all, chosen, act) {
  return html`
    <fieldset class="curve-choice">
      <legend class="visually-hidden">${legend}</legend>
      ${Object.entries(all).map(([value, { title }]) => html`
        <label class="curve-option">
          <input type="radio" class="visually-hidden" name=${`curve-${name}`} value=${value} .checked=${live(value === chosen)}
            @change=${() => act.draw({ [name]: value })}><span>${title}</span>
        </label>`)}
    </fieldset>
  `;
}

function curvesChart(data, paths, measure, side) {
  const { title, unit, text } = MEASURES[measure];
  const { x, curves } = plotData(data, paths, measure, side);
  return chart({
    label: `${title} ${unit}, ${SIDES[side].title.toLowerCase()}, of ${paths.map((path) => isolated(namesIn(path))).join(", ")}`,
    x,
    series: curves.map(({ path, values }, index) => ({
      name: namesIn(path),
      values,
      tone: `curve-${index + 1}`,
      kind: "line",
      isDashed: index % 2 === 1,
    })),
    formatX: (seconds) => timeOfDay(data.at[0] + seconds * 1000),
    formatTick: duration,
    formatY: text,
    steps: measure === "bytes" ? BYTE_STEPS : STEPS,
    height: HEIGHT,
  });
}

// The same as a table, in which the curves are chosen.

function summaryTable(rows, paths, measure, act) {
  const { title, unit } = MEASURES[measure];
  const shown = rows.slice(0, MOST_ROWS);
  return html`
    <p class="muted curve-note">${title} ${unit}, the busiest images first. Up to ${MOST_CURVES} are drawn.</p>
    <div class="curve-scroll" role="region" aria-label=${`${title} ${unit} of all images`} tabindex="0">
      <table class="curve-table">
        <thead>
          <tr><th scope="col" rowspan="2">Image</th><th scope="col" rowspan="2">Used</th>
            <th scope="colgroup" colspan="4">Reads</th><th scope="colgroup" colspan="4">Writes</th></tr>
          <tr>${["read", "write"].map(() => FIGURES.map((name) => html`<th scope="col">${name}</th>`))}</tr>
        </thead>
        <tbody>${repeat(shown, ({ path }) => path, (row) => summaryRow(row, paths, measure, act))}</tbody>
      </table>
    </div>
    ${rows.length > MOST_ROWS ? html`<p class="muted json-note">${number(rows.length - MOST_ROWS)} more are in the CSV.</p>` : nothing}
  `;
}

function summaryRow({ path, size_bytes: size, used_bytes: used, read, write }, paths, measure, act) {
  const at = paths.indexOf(path);
  const isFull = paths.length >= MOST_CURVES;
  return html`
    <tr>
      <th scope="row">
        <label class=${`curve-image ${at < 0 ? "" : `tone-curve-${at + 1}`}`}>
          <input class="form-check-input" type="checkbox" aria-label=${`Draw ${isolated(namesIn(path))}`} .checked=${live(at >= 0)}
            ?disabled=${at < 0 && isFull} @change=${() => act.drawImage(paths, path)}>
          <span class="chart-mark" data-kind="line" ?data-dashed=${at % 2 === 1}></span>${named(namesIn(path))}
        </label>
      </th>
      <td>${used === null ? "–" : `${bytes(used)} of ${bytes(size)}`}</td>
      ${[read, write].map((figures) => FIGURES.map((name) => html`<td>${figureText(figures, name, measure)}</td>`))}
    </tr>
  `;
}

/** Formats a figure. Without operations there is no latency. */
function figureText(figures, name, measure) {
  if (figures === null) return html`<span class="muted">not measured</span>`;
  return measure === "latency" && figures.max === 0 ? "–" : MEASURES[measure].text(figures[name]);
}
