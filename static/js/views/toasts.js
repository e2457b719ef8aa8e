/** Short messages in a corner. Their time stands still while the pointer or the focus is on them. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { details, isFailure, isNote, shown, taskOf, title } from "../state/notices/toasts.js";
import { moreText } from "../text/sentences.js";
import { EXCEPTION, isFailed } from "../text/statuses.js";
import { onPlainClick } from "./parts/links.js";
import { statusIcon, statusTone } from "./tasks/status.js";

const canHover = matchMedia("(hover: hover)");

/** Draws the messages. There is no white space in the element, so that the style sheet can match it as empty. */
export function toastsView(toasts, act) {
  const { cards, more } = shown(toasts);
  const isEmpty = cards.length === 0;
  const hold = () => act.holdToasts(areToastsInUse());
  return html`
    <div class="toasts" role=${isEmpty ? nothing : "region"} aria-label=${isEmpty ? nothing : "Messages"}
      @pointerenter=${hold} @pointerleave=${hold} @focusin=${hold} @focusout=${() => queueMicrotask(hold)}
      >${repeat(cards, ({ key }) => key, (toast) => toastView(toast, act))}${more > 0 ? moreView(more) : nothing}</div>
  `;
}

function moreView(more) {
  return html`<p class="toasts-more">${moreText(more)}</p>`;
}

/** Returns whether a person has the pointer or the focus on a message. This is checked before each drawing, too: a message that
 * is closed, or moved into a dialog, fires no event when the pointer leaves it. */
export function areToastsInUse() {
  const toasts = document.querySelector(".toasts");
  if (toasts === null) return false;
  return (canHover.matches && toasts.matches(":hover")) || toasts.querySelector(":focus-visible") !== null;
}

/** Draws a message. Failures and notes are announced; finished tasks are not, since the page's live region sums them up. */
function toastView(toast, act) {
  const { icon, tone } = look(toast);
  const names = details(toast);
  return html`
    <div class=${`toast-card tone-${tone}`} role=${isFailure(toast) ? "alert" : "status"}
      aria-live=${isFailure(toast) || isNote(toast) ? nothing : "off"}>
      <i class=${`bi ${icon} tone-text`} aria-hidden="true"></i>
      <div class="toast-text">
        <strong>${titleView(toast, act)}</strong>${names ? html`<div class="muted">${names}</div>` : nothing}
      </div>
      <button class="btn-close" type="button" aria-label="Close message"
        @click=${(event) => close(event, toast, act)}></button>
    </div>
  `;
}

function look(toast) {
  if (isNote(toast)) return { icon: "bi-info-circle-fill", tone: "note" };
  const status = toast.status ?? EXCEPTION;
  return { icon: statusIcon(status), tone: statusTone(status) };
}

/** Draws the title: a link to the view of a single task, or to the tab that shows several. */
function titleView(toast, act) {
  if (toast.status === null) return title(toast);
  const id = taskOf(toast);
  if (id !== null) return link(`?task=${id}`, title(toast), () => act.openTask(id), `${title(toast)}, #${id}`);
  const tab = isFailed(toast.status) ? "failed" : "finished";
  return link(`?tab=${tab}`, title(toast), () => act.openTab(tab));
}

function link(href, text, open, label = nothing) {
  return html`<a class="toast-link" href=${href} aria-label=${label} @click=${onPlainClick(open)}>${text}</a>`;
}

/** Closes a message. If the keyboard was used, the focus moves to the next message, if there is one. */
function close(event, toast, act) {
  const toasts = event.currentTarget.closest(".toasts");
  const isByKeyboard = event.currentTarget.matches(":focus-visible");
  act.closeToast(toast.key);
  if (isByKeyboard) toasts.querySelector(".btn-close")?.focus();
}
