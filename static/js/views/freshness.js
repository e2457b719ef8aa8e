/** How old is what I see. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { freshnessText } from "../words.js";

export function freshness({ phase, dataAt }) {
  return html`<p class="freshness" data-phase=${phase} aria-live="polite">
    <span class="freshness-dot" aria-hidden="true"></span><span>${freshnessText(phase, dataAt)}</span>
  </p>`;
}
