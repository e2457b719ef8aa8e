/** How far a task is, as a bar with its percent. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { percent } from "../format.js";
import { RUNNING } from "../statuses.js";
import { numbered } from "../words.js";

export function completeBar(task) {
  return html`
    <div class=${`complete ${task.status === RUNNING && !task.gone ? "is-moving" : ""}`}>
      <progress max="100" value=${task.percent} aria-label=${`Complete: ${numbered(task)}`}></progress>
      <span class="complete-text">${percent(task.percent)}</span>
    </div>
  `;
}
