/**
 * A chart of one or more series over the same x: an element that draws its `options` with uPlot, follows the theme and the
 * available width, and offers the same figures as a table. uPlot is loaded when the first chart is shown.
 */

import { html, nothing, render } from "/openattic/vendor/lit-html/lit-html.js";
import { named } from "./names.js";

/** The smallest of its builds, a plain script. */
const LIBRARY = "/openattic/vendor/uplot/uPlot.iife.min.js";
const STYLES = "/openattic/vendor/uplot/uPlot.min.css";
const HEIGHT = 120;
const LEAST_WIDTH = 44;
const TICK_DISTANCE = 28;
const X_AXIS_HEIGHT = 24;
/** In steps, since sums of fractions are slightly inexact. */
const TOLERANCE = 1e-6;
const DASHES = [7, 4];
const NOT_LOADED = "The chart cannot be drawn at the moment; its figures are below.";

/** Steps of an axis that counts things: there are no half tasks. */
const WHOLE_STEPS = [1, 2, 5].flatMap((step) => powersOfTen(0, 9).map((power) => step * power)).sort(rising);

/** Steps of an axis in seconds, such that each is a round duration. */
export const SECOND_STEPS = [
  ...[1, 2, 5].flatMap((step) => powersOfTen(-4, 1).map((power) => step * power)).sort(rising),
  ...[10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200],
  ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * 86400),
];

/**
 * Draws a chart. `x` and each series' `values` are equally long; null is a gap. `series`: `{ name, values, tone, kind }`, with
 * the `kind` "bars" (several are stacked, the first at the bottom) or "line" (which may be `isDashed`), and a `tone` of
 * tokens.css. `formatX` and `formatY` format numbers, `formatTick` those on the x axis. `steps` are the possible distances
 * between ticks on the y axis, rising; by default whole ones if all values are whole. `label` describes the chart for screen
 * readers.
 */
export function chart(options) {
  const { formatX = String, formatTick = formatX } = options;
  const all = { height: HEIGHT, formatX, formatTick, formatY: String, steps: null, ...options };
  return html`<hourglass-chart .options=${all}></hourglass-chart>`;
}

class Chart extends HTMLElement {
  #options = null;
  #plot = null;
  #isTableOpen = false;
  #hovered = null;
  #resizes = new ResizeObserver(() => this.#fit());
  #themes = new MutationObserver(() => this.#plot?.redraw());

  set options(options) {
    const before = this.#options;
    this.#options = options;
    if (!this.isConnected || (before !== null && isSame(before, options))) return;
    this.#render();
    if (before !== null && hasSameLook(before, options)) this.#plot?.setData(stacked(options));
    else this.#draw();
  }

  connectedCallback() {
    this.#render();
    this.#resizes.observe(this.#place);
    this.#themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    this.#draw();
  }

  disconnectedCallback() {
    this.#resizes.disconnect();
    this.#themes.disconnect();
    this.#erase();
  }

  get #place() {
    return this.querySelector(".chart-plot");
  }

  #render() {
    if (this.#options === null) return;
    render(frame(this.#options, this.#hovered, this.#isTableOpen, this.#tableToggled), this);
    this.#place.style.height = `${this.#options.height}px`;
  }

  #tableToggled = (event) => {
    this.#isTableOpen = event.target.open;
    this.#render();
  };

  /** Draws the plot from scratch, since the options may describe another kind of chart than before. */
  async #draw() {
    this.#erase();
    const uPlot = await library().catch(() => null);
    if (!this.isConnected || this.#plot !== null) return;
    if (uPlot === null) this.#place.replaceChildren(NOT_LOADED);
    else this.#plot = new uPlot(this.#lookOf(uPlot), stacked(this.#options), this.#place);
  }

  #erase() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#hovered = null;
    this.#place?.replaceChildren();
  }

  #fit() {
    const { clientWidth: width } = this.#place;
    const isOther = this.#plot !== null && width > 0 && width !== this.#plot.width;
    if (isOther) this.#plot.setSize({ width, height: this.#options.height });
  }

  #pointed(index) {
    if (index === this.#hovered) return;
    this.#hovered = index;
    this.#render();
  }

  #lookOf(uPlot) {
    const options = this.#options;
    const ticksTo = (most) => ticks(most, this.#options, options.height);
    const colour = (name) => () => getComputedStyle(this).getPropertyValue(`--${name}`).trim();
    return {
      width: Math.max(this.#place.clientWidth, 1),
      height: options.height,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      scales: {
        x: { time: false, range: () => xRange(this.#options.x, this.#options.series) },
        y: { range: (plot, least, most) => [0, ticksTo(most).at(-1)] },
      },
      axes: axes(() => this.#options, ticksTo, colour, getComputedStyle(this).fontFamily),
      series: [{}, ...inOrder(options.series).map((series) => seriesLook(series, colour, uPlot))],
      hooks: { setCursor: [(plot) => this.#pointed(plot.cursor.idx ?? null)] },
    };
  }
}

customElements.define("hourglass-chart", Chart);

// What is around the plot.

function frame(options, hovered, isTableOpen, toggled) {
  return html`
    <div class="chart-key" aria-hidden="true">
      ${options.series.map((series) => keyOf(series, hovered, options))}
      <span class="chart-at">${valueAt(options.x, hovered, options.formatX)}</span>
    </div>
    <div class="chart-plot" role="img" aria-label=${options.label}></div>
    <details class="chart-figures" @toggle=${toggled}>
      <summary>As a table</summary>
      ${isTableOpen ? figures(options) : nothing}
    </details>
  `;
}

function keyOf({ name, tone, kind, isDashed, values }, hovered, { formatY }) {
  return html`
    <span class=${`chart-series tone-${tone}`}>
      <span class="chart-mark" data-kind=${kind} ?data-dashed=${isDashed}></span>${named(name)}
      <strong>${valueAt(values, hovered, formatY)}</strong>
    </span>
  `;
}

/** Returns the figure below the pointer; "" while the pointer is elsewhere or if there is none. */
function valueAt(values, index, format) {
  const value = index === null ? null : (values[index] ?? null);
  return value === null ? "" : format(value);
}

function figures({ label, x, series, formatX, formatY }) {
  const text = (value) => (value === null ? "–" : formatY(value));
  return html`
    <div class="chart-scroll" role="region" aria-label=${`${label}, as a table`} tabindex="0">
      <table>
        <thead><tr><td></td>${series.map(({ name }) => html`<th scope="col">${named(name)}</th>`)}</tr></thead>
        <tbody>
          ${x.map((at, index) => html`<tr>
            <th scope="row">${formatX(at)}</th>
            ${series.map(({ values }) => html`<td>${text(values[index])}</td>`)}
          </tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

// How the plot looks.

function axes(current, ticksTo, colour, fontFamily) {
  const font = `12px ${fontFamily}`;
  const common = { stroke: colour("muted"), font, ticks: { show: false } };
  return [
    {
      ...common,
      grid: { show: false },
      gap: 6,
      space: 96,
      size: X_AXIS_HEIGHT,
      incrs: WHOLE_STEPS,
      values: (plot, ticks) => ticks.map(current().formatTick),
    },
    {
      ...common,
      grid: { stroke: colour("line"), width: 1 },
      gap: 8,
      size: widthOf,
      splits: (plot, axis, least, most) => ticksTo(most),
      values: (plot, ticks) => ticks.map(current().formatY),
    },
  ];
}

/** Returns the width that the longest text needs. A minimum keeps charts below each other aligned while their texts are
 * short. */
function widthOf(plot, texts, axis) {
  if (!texts?.length) return LEAST_WIDTH;
  plot.ctx.save();
  [plot.ctx.font] = plot.axes[axis].font;
  const widest = Math.max(...texts.map((text) => plot.ctx.measureText(text).width));
  plot.ctx.restore();
  return Math.max(LEAST_WIDTH, Math.ceil(widest / devicePixelRatio) + plot.axes[axis].gap + 2);
}

/** Returns the range of x, with room for half a bar on both sides. It follows from the data, since uPlot also calls this with
 * ranges that it got from here. */
function xRange(x, series) {
  const room = series.some(({ kind }) => kind === "bars") || x.length < 2 ? 0.6 : 0;
  return x.length === 0 ? [0, 1] : [x[0] - room, x.at(-1) + room];
}

/** Returns the ticks of the y axis: from zero, since an axis that begins elsewhere exaggerates, to the first one above all
 * values. */
function ticks(most, options, height) {
  const steps = options.steps ?? (areWhole(options) ? WHOLE_STEPS : SECOND_STEPS);
  const room = Math.max(1, Math.floor((height - X_AXIS_HEIGHT) / TICK_DISTANCE));
  const step = steps.find((one) => most <= one * room) ?? most / room;
  const count = Math.max(1, Math.ceil(most / step - TOLERANCE));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

function seriesLook({ tone, kind, isDashed }, colour, uPlot) {
  const common = { fill: colour(tone), width: 0 };
  if (kind === "bars") return { ...common, paths: uPlot.paths.bars({ size: [0.72, 28] }), points: { show: false } };
  return { stroke: colour(tone), width: 2, dash: isDashed ? DASHES : undefined, points: { ...common, show: true, size: 5, filter: alone } };
}

/** Returns the points of a line that have no neighbour: without a dot they would be invisible. */
function alone(plot, series) {
  const values = plot.data[series];
  const isThere = (index) => (values[index] ?? null) !== null;
  return [...values.keys()].filter((index) => isThere(index) && !isThere(index - 1) && !isThere(index + 1));
}

// The data for uPlot.

/** Returns the series in drawing order. Stacked bars all start at zero, so the topmost are drawn first and the lower ones cover
 * them. */
function inOrder(series) {
  return [...series.filter(({ kind }) => kind === "bars").reverse(), ...series.filter(({ kind }) => kind !== "bars")];
}

function stacked({ x, series }) {
  let below = x.map(() => 0);
  const heights = new Map();
  for (const one of series) {
    if (one.kind !== "bars") continue;
    below = below.map((height, index) => height + (one.values[index] ?? 0));
    heights.set(one, below);
  }
  return [x, ...inOrder(series).map((one) => heights.get(one) ?? one.values)];
}

function areWhole({ series }) {
  return series.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
}

function powersOfTen(from, to) {
  return Array.from({ length: to - from }, (_, index) => 10 ** (from + index));
}

function rising(one, other) {
  return one - other;
}

// What has changed.

function isSame(one, other) {
  if (one.label !== other.label || !hasSameLook(one, other) || !areEqual(one.x, other.x)) return false;
  return one.series.every(({ values }, index) => areEqual(values, other.series[index].values));
}

/** Returns whether only the data differ. */
function hasSameLook(one, other) {
  return lookOf(one) === lookOf(other);
}

function lookOf({ height, series }) {
  return JSON.stringify([height, ...series.map(({ name, tone, kind, isDashed }) => [name, tone, kind, isDashed])]);
}

function areEqual(one, other) {
  return one === other || (one.length === other.length && one.every((value, index) => value === other[index]));
}

// The library.

let loading = null;

/** Loads uPlot once for all charts; if that failed, the next one tries again. */
function library() {
  loading ??= loaded();
  loading.catch(() => (loading = null));
  return loading;
}

async function loaded() {
  await Promise.all([added("script", { src: LIBRARY }), added("link", { rel: "stylesheet", href: STYLES })]);
  return globalThis.uPlot;
}

function added(name, attributes) {
  const element = Object.assign(document.createElement(name), attributes);
  return new Promise((resolve, reject) => {
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => reject(new Error(`${LIBRARY} could not be loaded`)));
    document.head.append(element);
  });
}
