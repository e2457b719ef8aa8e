/** Puts the page together, and opens and closes the native dialogs as the state requires. */

import { html, nothing, render } from "/openattic/vendor/lit-html/lit-html.js";
import { canNotify, permission } from "../browser/notify.js";
import { viewAt } from "../state/place.js";
import { cephFormView } from "./clusters/forms.js";
import { freshness } from "./freshness.js";
import { helpView } from "./help.js";
import { settingsView } from "./settings.js";
import { signInView } from "./sign_in.js";
import { confirmView } from "./tasks/confirm.js";
import { dialogView } from "./tasks/dialog.js";
import { startView } from "./tasks/start.js";
import { taskView } from "./tasks/task.js";
import { toastsView } from "./toasts.js";
import { topbar } from "./topbar.js";

const root = document.getElementById("page");
const shown = new WeakSet();
let drawn = { isSignedIn: null, task: null };

/** Draws the page; `views` are all views (views.js). */
export function draw(state, act, now, views) {
  const isSignedIn = state.user !== "";
  const then = document.activeElement?.dataset.then;
  render(isSignedIn ? page(state, act, now, views) : signInView(state, act), root);
  if (isSignedIn) syncDialogs(state);
  moveFocus(state, isSignedIn);
  if (then !== undefined && document.activeElement === document.body) document.querySelector(then)?.focus();
}

/** Draws the page of a person who is signed in. Freshness, messages and the live region are in the topmost layer, since
 * everything below an open dialog is inert. */
function page(state, act, now, views) {
  const layers = layersOf(state);
  const top = Object.keys(layers).findLast((name) => layers[name]);
  const extras = (name) => ({
    freshness: top === name ? freshness(state, act) : nothing,
    toasts: top === name ? messages(state, act) : nothing,
  });
  return html`
    ${topbar(state, act)}
    ${content(state, act, now, views)}
    <footer class="foot">
      ${extras("page").freshness}
      <a class="ms-auto foot-link" href="/openattic/docs/">REST API</a>
      <button class="btn btn-link foot-link" type="button" @click=${act.openHelp}>Keys and signs</button>
      <span>Hourglass ${state.version}</span>
    </footer>
    ${extras("page").toasts}
    ${settingsView(state.preferences, { canNotify: canNotify(), permission: permission() }, act)}
    ${dialogView(state, act, now, extras("tasks"))}
    ${startView(state, act, extras("start"))}
    ${cephFormView(state, act, extras("ceph"))}
    ${confirmView(state, act, extras("confirm"))}
    ${helpView(state, act, extras("help"))}
  `;
}

/** Draws what is below the dialogs. */
function content(state, act, now, views) {
  const { open, place } = state;
  if (open !== null && place.tab === null) {
    return html`<main class="task-page" id="content">${taskView(open, state, act, now, { heading: "h1", back: false })}</main>`;
  }
  return views.find(({ name }) => name === viewAt(place).name).view(state, act, now);
}

function messages({ toasts, announced }, act) {
  return html`${toastsView(toasts, act)}<p class="visually-hidden" aria-live="polite">${announced}</p>`;
}

/** Returns the layers from the lowest to the topmost, and whether each is open. */
function layersOf({ place, start, ceph, confirm, isHelpOpen }) {
  return {
    page: true,
    tasks: place.tab !== null,
    start: start !== null,
    ceph: ceph.form !== null,
    confirm: confirm !== null,
    help: isHelpOpen,
  };
}

function syncDialogs(state) {
  for (const [name, isOpen] of Object.entries(layersOf(state))) {
    const dialog = document.getElementById(`${name}-dialog`);
    if (dialog !== null) sync(dialog, isOpen);
  }
}

/** Opens or closes a dialog. It is opened only once: if Esc has closed it, its `close` event will soon change the state. */
function sync(dialog, shouldBeOpen) {
  if (shouldBeOpen && !shown.has(dialog)) {
    shown.add(dialog);
    dialog.showModal();
  }
  if (!shouldBeOpen && shown.delete(dialog)) dialog.close();
}

/** Focuses what has just opened, and on closing the link it came from. Browsers do this for dialogs, unless that element is
 * gone. */
function moveFocus({ place }, isSignedIn) {
  const before = drawn;
  drawn = { isSignedIn, task: isSignedIn ? place.task : null };
  if (before.isSignedIn !== isSignedIn && !isSignedIn) document.getElementById("username").focus();
  if (drawn.task !== before.task) drawn.task === null ? focusLinkTo(before.task) : document.getElementById("task-title")?.focus();
  const layer = [...document.querySelectorAll("dialog[open]")].at(-1);
  if (layer && !layer.contains(document.activeElement)) fallback(layer).focus();
}

function focusLinkTo(task) {
  const links = document.querySelectorAll(`dialog[open] a[data-task="${task}"], main a[data-task="${task}"]`);
  links[0]?.focus();
}

function fallback(layer) {
  return layer.querySelector("[role=tab][aria-selected=true]") ?? layer.querySelector("button");
}
