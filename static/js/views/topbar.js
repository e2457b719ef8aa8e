/** The bar at the top: brand, views, the Background-Tasks button, and who is signed in. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { unseenCount } from "../state/notices/unseen.js";
import { isAtView } from "../state/place.js";
import { VIEWS } from "../state/views.js";
import { buttonText, buttonTooltip, hourglassFill } from "../text/sentences.js";
import { countOf } from "../text/statuses.js";
import { onPlainClick } from "./parts/links.js";
import { settingsButton } from "./settings.js";

const HOURGLASS = {
  empty: "bi-hourglass",
  start: "bi-hourglass-top",
  half: "bi-hourglass-split",
  end: "bi-hourglass-bottom",
};

export function topbar(state, act) {
  return html`
    <header class="bar">
      <a class="brand" href="/openattic/" @click=${onPlainClick(act.openHome)}>
        <img src="/openattic/static/img/hourglass.svg" alt="" width="28" height="28"><span>Hourglass</span>
      </a>
      ${views(state.place, act)}
      ${state.role === "admin" ? startButton(act) : nothing}
      ${tasksButton(state, act)}
      <span class="login" title=${`Signed in as ${state.user} (${state.role})`}>
        <i class="bi bi-person-circle" aria-hidden="true"></i><span class="login-name">${state.user}</span>
      </span>
      ${settingsButton()}
      <button class="btn bar-button" type="button" aria-label="Sign out" title="Sign out" @click=${act.signOut}>
        <i class="bi bi-box-arrow-right" aria-hidden="true"></i>
      </button>
    </header>
  `;
}

function views(place, act) {
  return html`
    <nav class="views" aria-label="Views">
      ${VIEWS.map(({ name, title, place: own }) =>
        viewLink(own === null ? "/openattic/" : `?view=${name}`, title, isAtView(place, name), () => act.openView(name)))}
    </nav>
  `;
}

function viewLink(address, title, isHere, open) {
  return html`<a class="bar-view" href=${address} aria-current=${isHere ? "page" : "false"} @click=${onPlainClick(open)}>${title}</a>`;
}

function startButton(act) {
  return html`
    <button class="btn bar-button" type="button" @click=${() => act.openStart()}>
      <i class="bi bi-plus-lg" aria-hidden="true"></i><span class="bar-text">Start a task</span>
    </button>
  `;
}

function tasksButton({ counts, pendingPercent, unseen }, act) {
  const pending = counts === null ? 0 : countOf("pending", counts);
  const failed = counts === null ? 0 : unseenCount(unseen, counts);
  const fill = hourglassFill(pending, pendingPercent);
  const warning = html`<i class="bi bi-exclamation-triangle-fill text-failed" aria-hidden="true"></i>`;
  return html`
    <button class="btn bar-button tasks-button" type="button" id="background-tasks" aria-haspopup="dialog"
      data-fill=${fill} title=${buttonTooltip(pending, pendingPercent)} @click=${act.openDialog}>
      <i class=${`bi ${HOURGLASS[fill]}`} aria-hidden="true"></i>
      ${failed > 0 ? warning : nothing}
      <span>${buttonText(pending, failed, unseen.atLeast)}</span>
    </button>
  `;
}
