/** Names from outside, which must not affect the direction of the text around them, and links to tasks. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { balanced } from "../../text/bidi.js";
import { numbered } from "../../text/sentences.js";
import { onPlainClick } from "./links.js";

/** Draws text in its own direction. */
export function named(text) {
  return html`<bdi>${balanced(text)}</bdi>`;
}

/** Draws a link to a task with its number beside it, since several tasks may have the same name. For screen readers, the number
 * is part of the link. */
export function taskLink(task, className, href, open) {
  return html`
    <a class=${className} href=${href} data-task=${task.id} aria-label=${numbered(task)}
      @click=${onPlainClick(open)}>${named(task.description)}</a>
    <span class="task-number" aria-hidden="true">#${task.id}</span>
  `;
}
