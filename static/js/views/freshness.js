/** The line that shows how fresh the data is, and whether the page itself is outdated. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { freshnessText } from "../text/sentences.js";

export function freshness(state, act) {
  const { phase, isPolling, isUpdated, isHelpOpen } = state;
  return html`
    <p class="freshness" data-phase=${phase} aria-live="polite">
      <span class="freshness-dot" aria-hidden="true"></span><span>${freshnessText(state)}</span>
    </p>
    ${phase === "live" && isPolling && !isHelpOpen ? why(act) : nothing}
    ${isUpdated ? updated(act) : nothing}
  `;
}

function why(act) {
  return html`
    <button class="btn btn-link freshness-why" type="button" aria-label="Why? It is polling" @click=${act.openHelp}>Why?</button>
  `;
}

function updated(act) {
  return html`
    <p class="updated" role="status">Hourglass was updated.
      <button class="btn btn-sm btn-outline-secondary" type="button" @click=${act.reloadPage}>Reload the page</button>
    </p>
  `;
}
