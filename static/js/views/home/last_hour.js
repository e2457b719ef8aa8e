/** The last hour: how many tasks ended, and how long tasks waited. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import {
  backText,
  meanWaitingSeconds,
  minuteText,
  sumOf,
  throughput,
  throughputText,
  waiting,
  meanWaitingText,
} from "../../state/statistics.js";
import { duration, number } from "../../text/format.js";
import { SECOND_STEPS, chart } from "../parts/chart.js";

/** Draws the last hour. `error` is why the figures could not be loaded; former ones stay. */
export function lastHour(statistics, error) {
  if (error && statistics === null) return unknownHour(error);
  return html`
    ${hourCard("throughput", "Throughput", statistics, throughputText, throughputChart)}
    ${hourCard("waiting", "Waiting time", statistics, meanWaitingText, waitingChart)}
  `;
}

function unknownHour(error) {
  return html`
    <section class="home-card" aria-labelledby="hour-title">
      <div class="home-card-head"><h2 id="hour-title">The last hour</h2></div>
      <p class="home-note">The figures cannot be loaded at the moment: ${error}</p>
    </section>
  `;
}

function hourCard(name, heading, statistics, text, picture) {
  return html`
    <section class="home-card" aria-labelledby=${`${name}-title`}>
      <div class="home-card-head">
        <h2 id=${`${name}-title`}>${heading}</h2>
        <span class="muted">${statistics === null ? nothing : text(statistics.minutes)}</span>
      </div>
      ${statistics === null ? html`<div class="chart-placeholder"></div>` : picture(statistics.minutes)}
    </section>
  `;
}

function throughputChart(minutes) {
  if (sumOf(minutes, "finished") + sumOf(minutes, "failed") === 0) return nothing;
  const { x, finished, failed } = throughput(minutes);
  const series = [
    { name: "finished", values: finished, tone: "finished", kind: "bars" },
    { name: "failed", values: failed, tone: "exception", kind: "bars" },
  ];
  return chart({ label: "Tasks that ended, by minute", x, series, ...axes(minutes), formatY: number });
}

function waitingChart(minutes) {
  if (meanWaitingSeconds(minutes) === null) return nothing;
  const { x, seconds } = waiting(minutes);
  const series = [{ name: "waited", values: seconds, tone: "running", kind: "line" }];
  const label = "How long tasks waited before they started, by minute";
  return chart({ label, x, series, ...axes(minutes), formatY: duration, steps: SECOND_STEPS });
}

function axes(minutes) {
  return { formatX: (back) => minuteText(minutes, back), formatTick: backText };
}
