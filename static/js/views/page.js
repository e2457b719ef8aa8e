/** Puts the page together, and brings the native dialogs in line with the state. */

import { html, nothing, render } from "/openattic/vendor/lit-html/lit-html.js";
import { confirmView } from "./confirm.js";
import { dialogView } from "./dialog.js";
import { freshness } from "./freshness.js";
import { home } from "./home.js";
import { signIn } from "./signin.js";
import { toastsView } from "./toasts.js";
import { topbar } from "./topbar.js";

const root = document.getElementById("page");
const shown = new WeakSet();
let wasSignedIn = false;
const canHover = matchMedia("(hover: hover)");

export function draw(state, act, now) {
  const isSignedIn = state.user !== "";
  render(isSignedIn ? page(state, act, now) : signIn(state, act), root);
  syncDialogs(state);
  if (wasSignedIn && !isSignedIn) document.getElementById("username").focus();
  wasSignedIn = isSignedIn;
}

/** Freshness and toasts are in the topmost layer: all below an open dialog is out of reach. */
function page(state, act, now) {
  const layer = topLayer(state);
  const extras = (name) => ({
    freshness: layer === name ? freshness(state) : nothing,
    toasts: layer === name ? toastsView(state.toasts, act) : nothing,
  });
  return html`
    ${topbar(state, act)}
    <main class="home" id="content">${home(state)}</main>
    <footer class="foot">
      ${extras("page").freshness}
      <a class="ms-auto foot-link" href="/openattic/docs/">REST API</a>
      <span>Hourglass ${state.version}</span>
    </footer>
    ${extras("page").toasts}
    ${dialogView(state, act, now, extras("dialog"))}
    ${confirmView(state, act, extras("confirm"))}
  `;
}

function topLayer(state) {
  if (state.dialog === null) return "page";
  return state.dialog.confirm === null ? "dialog" : "confirm";
}

function syncDialogs(state) {
  const tasks = document.getElementById("tasks-dialog");
  const confirm = document.getElementById("confirm-dialog");
  if (tasks === null) return;
  sync(tasks, state.dialog !== null);
  const wasAsking = confirm.open;
  sync(confirm, Boolean(state.dialog?.confirm));
  if (wasAsking && !confirm.open && tasks.open) giveFocusBack(tasks);
}

/** Shows it once: where it is closed already, by Esc, its `close` event is on the way and changes the state. */
function sync(dialog, shouldBeOpen) {
  if (shouldBeOpen && !shown.has(dialog)) {
    shown.add(dialog);
    dialog.showModal();
  }
  if (!shouldBeOpen && shown.delete(dialog)) dialog.close();
}

/** The button that asked is disabled after a deletion, and cannot take the focus back. */
function giveFocusBack(tasks) {
  const focused = document.activeElement;
  if (!tasks.contains(focused) || focused.disabled) tasks.querySelector("[role=tab][aria-selected=true]").focus();
}

/** Whether a person has the pointer or the focus in the rows of the table. */
export function isInTable() {
  const body = document.querySelector("#tasks-dialog tbody");
  if (body === null) return false;
  return (canHover.matches && body.matches(":hover")) || body.contains(document.activeElement);
}
