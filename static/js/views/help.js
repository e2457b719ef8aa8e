/** The help: the keys, and what the statuses and the line at the bottom mean. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { ABORTED, EXCEPTION, FINISHED, NOT_STARTED, RUNNING } from "../text/statuses.js";
import { statusIcon, statusTone } from "./tasks/status.js";

/** Each row has the keys for one action. */
const KEYS = [
  { keys: ["?"], does: "This help", isSingle: true },
  { keys: ["/"], does: "Search", isSingle: true },
  { keys: ["←", "→", "Home", "End"], does: "Move between tabs" },
  { keys: ["↑", "↓"], does: "Move between rows" },
  { keys: ["Space"], does: "Select or deselect the row" },
  { keys: ["Shift+click"], does: "Select all rows from the last selected one to this one" },
  { keys: ["Enter"], does: "Open the task" },
  { keys: ["Del"], does: "Delete the selected tasks, after a confirmation" },
  { keys: ["Esc"], does: "Close the topmost task or dialog" },
];

const SWITCH = "The single-key shortcuts, ? and /, can be switched off in the settings.";

const SIGNS = [
  sign(NOT_STARTED, "Waiting for a worker, for another task or for its start time."),
  sign(RUNNING, "A worker is running its rounds."),
  sign(FINISHED, "It completed."),
  sign(EXCEPTION, "It failed. Open it to see why."),
  sign(ABORTED, "Someone aborted it. What had been done by then is not rolled back."),
  amberSign("bi-hourglass-split", "Stopping", "Aborted, and finishing its last round."),
  amberSign("bi-arrow-clockwise", "Interrupted", "The server or its worker stopped. It resumes by itself."),
  amberSign("bi-exclamation-circle-fill", "Stalled", "A round is taking far longer than usual."),
];

const FRESHNESS = [
  ["Live", "Changes appear as soon as they happen."],
  [
    "Live by polling",
    "Changes appear a moment later. The server answers, but WebSockets do not get through to it: usually a proxy blocks " +
      "them, or too many are open. For how to set up a proxy, see “Behind a reverse proxy” in docs/operating.md. The page " +
      "tries a WebSocket again every few minutes.",
  ],
  ["Reconnecting…", "The server cannot be reached. The page shows the last known data, and catches up by itself."],
  ["Server is stopping", "The server is shutting down or restarting. Tasks resume after that."],
];

function sign(status, means) {
  return { icon: statusIcon(status), tone: statusTone(status), word: status, means };
}

function amberSign(icon, word, means) {
  return { icon, tone: "amber", word, means };
}

export function helpView({ isHelpOpen, preferences }, act, extras) {
  return html`
    <dialog class="layer help-dialog" id="help-dialog" aria-labelledby="help-title"
      @close=${(event) => event.target.open || act.closeHelp()}>
      ${isHelpOpen ? content(preferences, act, extras) : nothing}
    </dialog>
  `;
}

function content(preferences, act, { freshness, toasts }) {
  return html`
    <header class="layer-head">
      <h2 id="help-title">Help</h2>
      <button class="btn-close" type="button" aria-label="Close" @click=${() => act.closeHelp()}></button>
    </header>
    <div class="help-body" tabindex="0" role="group" aria-label="Keys and signs">
      ${helpTable("keys", "Keys", ["Key", "What it does"], KEYS.map((key) => keyRow(key, preferences)), SWITCH)}
      ${helpTable("signs", "Statuses", ["Status", "What it means"], SIGNS.map(signRow))}
      ${helpTable("freshness", "How fresh it is", ["At the bottom", "What it means"], FRESHNESS.map(wordRow))}
    </div>
    <footer class="layer-foot">${freshness}</footer>
    ${toasts}
  `;
}

function helpTable(name, title, [first, second], rows, note = "") {
  return html`
    <section>
      <h3 id=${`help-${name}`}>${title}</h3>
      <table class="help-table" aria-labelledby=${`help-${name}`}>
        <thead><tr><th scope="col">${first}</th><th scope="col">${second}</th></tr></thead>
        <tbody>${rows}</tbody>
      </table>
      ${note ? html`<p class="help-note">${note}</p>` : nothing}
    </section>
  `;
}

function keyRow({ keys, does, isSingle }, { shortcuts }) {
  const isOff = isSingle && !shortcuts;
  return html`
    <tr>
      <th scope="row">${keys.map((key) => html`<kbd>${key}</kbd> `)}</th>
      <td>${does}${isOff ? html` <span class="muted">(switched off)</span>` : nothing}</td>
    </tr>
  `;
}

function signRow({ icon, tone, word, means }) {
  return html`
    <tr class=${`tone-${tone}`}>
      <th scope="row"><span class="tone-text"><i class=${`bi ${icon}`} aria-hidden="true"></i> ${word}</span></th>
      <td>${means}</td>
    </tr>
  `;
}

function wordRow([word, means]) {
  return html`<tr><th scope="row">${word}</th><td>${means}</td></tr>`;
}
