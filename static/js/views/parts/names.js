/** Names from outside, which turn nothing around them, and links to tasks, of which several may have the same name. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { balanced } from "../../text/bidi.js";
import { numbered } from "../../text/sentences.js";
import { onPlainClick } from "./links.js";

/** Text whose own direction ends with it. */
export function named(text) {
  return html`<bdi>${balanced(text)}</bdi>`;
}

/** Draws a link to a task, its number beside it. Who hears the link alone hears the number, too. */
export function taskLink(task, className, href, open) {
  return html`
    <a class=${className} href=${href} data-task=${task.id} aria-label=${numbered(task)}
      @click=${onPlainClick(open)}>${named(task.description)}</a>
    <span class="task-number" aria-hidden="true">#${task.id}</span>
  `;
}
