/** The keys, and what the signs of the statuses mean. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { ABORTED, EXCEPTION, FINISHED, NOT_STARTED, RUNNING } from "../statuses.js";
import { statusIcon, statusTone } from "./status.js";

/** Each of its keys does what the line says. */
const KEYS = [
  { keys: ["?"], does: "This help" },
  { keys: ["/"], does: "Search" },
  { keys: ["←", "→", "Home", "End"], does: "From tab to tab" },
  { keys: ["↑", "↓"], does: "From row to row" },
  { keys: ["Space"], does: "Select the row, or no longer" },
  { keys: ["Shift+click"], does: "Select all from the last selected row to this one" },
  { keys: ["Enter"], does: "Open the task" },
  { keys: ["Del"], does: "Delete the selected tasks, after a question" },
  { keys: ["Esc"], does: "Close what is on top" },
];

const SIGNS = [
  sign(NOT_STARTED, "Waits for a worker, for another task or for its time."),
  sign(RUNNING, "A worker goes through its rounds."),
  sign(FINISHED, "All of it was done."),
  sign(EXCEPTION, "It failed. Open it to read why."),
  sign(ABORTED, "A person ended it. What had been done by then is not rolled back."),
  amberSign("bi-hourglass-split", "Stopping", "Aborted, and its last round is ending."),
  amberSign("bi-arrow-clockwise", "Interrupted", "The server or its worker stopped. It goes on by itself."),
  amberSign("bi-exclamation-circle-fill", "Stalled", "A round takes far longer than usual."),
];

function sign(status, means) {
  return { icon: statusIcon(status), tone: statusTone(status), word: status, means };
}

function amberSign(icon, word, means) {
  return { icon, tone: "amber", word, means };
}

export function helpView(act, { freshness, toasts }) {
  return html`
    <dialog class="layer help-dialog" id="help-dialog" aria-labelledby="help-title"
      @close=${(event) => event.target.open || act.closeHelp()}>
      <header class="layer-head">
        <h2 id="help-title">Help</h2>
        <button class="btn-close" type="button" aria-label="Close" @click=${() => act.closeHelp()}></button>
      </header>
      <div class="help-body" tabindex="0" role="group" aria-label="Keys and statuses">
        <section>
          <h3 id="help-keys">Keys</h3>
          <table class="help-table" aria-labelledby="help-keys">
            <thead><tr><th scope="col">Key</th><th scope="col">What it does</th></tr></thead>
            <tbody>${KEYS.map(keyRow)}</tbody>
          </table>
        </section>
        <section>
          <h3 id="help-signs">Statuses</h3>
          <table class="help-table" aria-labelledby="help-signs">
            <thead><tr><th scope="col">Status</th><th scope="col">What it means</th></tr></thead>
            <tbody>${SIGNS.map(signRow)}</tbody>
          </table>
        </section>
      </div>
      <footer class="layer-foot">${freshness}</footer>
      ${toasts}
    </dialog>
  `;
}

function keyRow({ keys, does }) {
  return html`<tr><th scope="row">${keys.map((key) => html`<kbd>${key}</kbd> `)}</th><td>${does}</td></tr>`;
}

function signRow({ icon, tone, word, means }) {
  return html`
    <tr class=${`tone-${tone}`}>
      <th scope="row"><span class="tone-text"><i class=${`bi ${icon}`} aria-hidden="true"></i> ${word}</span></th>
      <td>${means}</td>
    </tr>
  `;
}
