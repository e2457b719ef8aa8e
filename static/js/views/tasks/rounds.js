/** The rounds of a task, newest first, in a scrollable box; new ones do not move what a person is reading. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { canShowEarlier, durations, durationsText } from "../../state/tasks/open_task.js";
import { dateOf, duration, exactMoment, number } from "../../text/format.js";
import { isFinal } from "../../text/statuses.js";
import { SECOND_STEPS, chart } from "../parts/chart.js";
import { jsonDetails } from "../parts/json.js";
import { exactTime } from "./timeline.js";

const EPOCH = "1970-01-01T00:00:00.000Z";

export function roundsView(open, act, now) {
  if (open.rounds.length === 0) return html`<p class="muted">${emptyText(open)}</p>${earlier(open, act)}`;
  const dates = datesKey(now);
  return html`
    ${guard([open.rounds], () => durationsView(open))}
    <div class="rounds-box" role="region" aria-label="Rounds" tabindex="0" @pointerenter=${hold} @focusin=${hold}
      @wheel=${scrolled} @touchmove=${scrolled} @keydown=${scrolled} @pointerleave=${release} @focusout=${releaseLater}>
      ${guard([open.rounds, dates], () => roundsTable(open, dates, act, now))}
      ${earlier(open, act)}
    </div>
  `;
}

function emptyText({ task, isLoaded, error }) {
  if (isLoaded) return isFinal(task.status) ? "No rounds were completed." : "No round has ended yet.";
  return error === "" ? "Loading…" : "The rounds could not be loaded.";
}

/** Returns a text that changes when all rows have to be drawn again: with the time zone, and at midnight, since times of other
 * days show their date. */
function datesKey(now) {
  return exactMoment(EPOCH) + dateOf(now);
}

function durationsView(open) {
  const text = durationsText(open);
  if (text === "") return nothing;
  const { x, y } = durations(open);
  return html`
    <p class="muted rounds-summary">${text}</p>
    ${chart({
      label: `Durations of ${number(x.length)} rounds: ${text}`,
      x,
      series: [{ name: "Duration of a round", values: y, tone: "running", kind: "bars" }],
      formatX: (round) => `round ${number(round)}`,
      formatTick: number,
      formatY: duration,
      steps: SECOND_STEPS,
      height: 96,
    })}
  `;
}

function roundsTable({ id, rounds }, dates, act, now) {
  return html`
    <table class="rounds">
      <thead><tr>
        <th scope="col">Round</th><th scope="col">Ended</th><th scope="col">Took</th><th scope="col">What it said</th>
      </tr></thead>
      <tbody>
        ${repeat(rounds.toReversed(), (round) => round.number, (round) =>
          html`<tr>${guard([round, dates], () => cells(id, round, act, now))}</tr>`)}
      </tbody>
    </table>
  `;
}

function cells(id, round, act, now) {
  const label = `Output of round ${number(round.number)}`;
  const source = `/openattic/api/taskqueue/${id}/rounds?after=${round.number - 1}`;
  return html`
    <th scope="row"><span class="visually-hidden">Round </span>${number(round.number)}</th>
    <td>${exactTime(round.at, now)}</td>
    <td>${duration(round.seconds)}</td>
    <td class="round-said">
      ${round.message || (round.output === null ? html`<span class="muted">nothing</span>` : nothing)}
      ${round.output === null ? nothing : jsonDetails(round.output, "Output", label, source, act)}
    </td>
  `;
}

function earlier(open, act) {
  if (!open.isLoaded || !open.hasEarlier) return nothing;
  if (!canShowEarlier(open)) return html`<p class="muted rounds-end">${endText(open)}</p>`;
  const isBusy = open.isLoadingEarlier;
  return html`
    <div class="rounds-end">
      <button class="btn btn-sm btn-outline-secondary" type="button" aria-disabled=${isBusy ? "true" : "false"}
        @click=${() => isBusy || act.loadEarlierRounds()}>Show earlier rounds</button>
    </div>
  `;
}

function endText({ id, rounds }) {
  return html`The newest ${number(rounds.length)} rounds. <a href=${`/openattic/api/taskqueue/${id}/rounds?after=0`}
    target="_blank" rel="noopener">Earlier ones</a> are available by REST.`;
}

// A box that is scrolled keeps its position when rows are added above; one that is not scrolled shows the newest row. So it
// is scrolled by a pixel while somebody is reading, and back afterwards unless they scrolled themselves.

function hold({ currentTarget: box }) {
  if (box.scrollTop > 0) return;
  box.scrollTop = 1;
  box.dataset.held = "";
}

function scrolled({ currentTarget: box }) {
  delete box.dataset.held;
}

function release({ currentTarget: box }) {
  if (!("held" in box.dataset) || isRead(box)) return;
  delete box.dataset.held;
  box.scrollTop = 0;
}

/** Releases the box a moment later: while the focus moves from one element in it to the next, none has it. */
function releaseLater({ currentTarget: box }) {
  setTimeout(() => release({ currentTarget: box }));
}

function isRead(box) {
  return box.matches(":hover") || box.contains(document.activeElement) || box.querySelector("details[open]") !== null;
}
