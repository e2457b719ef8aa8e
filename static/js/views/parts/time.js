/** A moment in relative words, with the exact time on hover and for machines. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { fullMoment, relative } from "../../text/format.js";

/** Draws a moment. `text` is as in the task's JSON; null if it is not known yet. */
export function timeView(text, now) {
  if (!text) return html`<span class="muted">unknown</span>`;
  return html`<time datetime=${text} title=${fullMoment(text)}>${relative(text, now)}</time>`;
}
