/** Short messages in a corner. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { details, isFailure, title } from "../toasts.js";
import { EXCEPTION } from "../statuses.js";
import { statusIcon, statusTone } from "./status.js";

export function toastsView(toasts, act) {
  return html`<div class="toasts">${repeat(toasts, ({ key }) => key, (toast) => toastView(toast, act))}</div>`;
}

function toastView(toast, act) {
  const status = toast.status ?? EXCEPTION;
  const names = details(toast);
  return html`
    <div class=${`toast-card tone-${statusTone(status)}`} role=${isFailure(toast) ? "alert" : "status"}>
      <i class=${`bi ${statusIcon(status)} tone-text`} aria-hidden="true"></i>
      <div class="toast-text"><strong>${title(toast)}</strong>${names ? html`<div class="muted">${names}</div>` : nothing}</div>
      <button class="btn-close" type="button" aria-label="Close message" @click=${() => act.closeToast(toast.key)}></button>
    </div>
  `;
}
