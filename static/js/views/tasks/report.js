/** The report of a deletion: the tasks left alone because they had changed meanwhile, and the outcome of each task. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { number } from "../../text/format.js";

export function reportView({ summary, left, more, lines }, act) {
  return html`
    <div class="alert alert-warning report" role="alert">
      <div>
        <strong>${summary}. Not touched, because they changed meanwhile:</strong>
        <ul>${left.map(line)}${more > 0 ? html`<li>and ${number(more)} more</li>` : nothing}</ul>
        ${lines.length > left.length ? html`<details><summary>Each task</summary><ul>${lines.map(line)}</ul></details>` : nothing}
      </div>
      <button class="btn-close" type="button" aria-label="Close report" @click=${act.closeReport}></button>
    </div>
  `;
}

function line({ id, text }) {
  return html`<li><span>${text}</span> <span class="task-number">#${id}</span></li>`;
}
