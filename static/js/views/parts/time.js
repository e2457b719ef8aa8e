/** A moment as people say it, with the exact one on hover and for machines. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { fullMoment, relative } from "../../text/format.js";

/** `text` as in the task's JSON; null is a moment that nobody knows yet. */
export function timeView(text, now) {
  if (!text) return html`<span class="muted">unknown</span>`;
  return html`<time datetime=${text} title=${fullMoment(text)}>${relative(text, now)}</time>`;
}
