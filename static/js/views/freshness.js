/** How old is what I see, and whether the page itself is. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { freshnessText } from "../words.js";

export function freshness({ phase, dataAt, isUpdated }, act) {
  return html`
    <p class="freshness" data-phase=${phase} aria-live="polite">
      <span class="freshness-dot" aria-hidden="true"></span><span>${freshnessText(phase, dataAt)}</span>
    </p>
    ${isUpdated ? updated(act) : nothing}
  `;
}

function updated(act) {
  return html`
    <p class="updated" role="status">Hourglass was updated.
      <button class="btn btn-sm btn-outline-secondary" type="button" @click=${act.reloadPage}>Reload the page</button>
    </p>
  `;
}
