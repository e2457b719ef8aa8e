/** Progress, as a bar with its percentage. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { percent } from "../../text/format.js";
import { numbered } from "../../text/sentences.js";
import { RUNNING } from "../../text/statuses.js";

export function completeBar(task) {
  return progressBar(task.percent, `Complete: ${numbered(task)}`, task.status === RUNNING && !task.gone);
}

/** Draws a bar; `done` is null if the percentage is not known. */
export function progressBar(done, label, isMoving = true) {
  return html`
    <div class=${`complete ${isMoving ? "is-moving" : ""}`}>
      ${done === null
        ? html`<progress max="100" aria-label=${label}></progress>`
        : html`<progress max="100" value=${done} aria-label=${label}></progress>`}
      <span class="complete-text">${done === null ? "?" : percent(done)}</span>
    </div>
  `;
}
