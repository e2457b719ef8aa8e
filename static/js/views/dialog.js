/** The dialog Background-Tasks: three tabs, their table, and what can be done with it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { number } from "../format.js";
import { TABS, countOf } from "../statuses.js";
import { heldBack } from "../tasklist.js";
import { tabTitle, tasks } from "../words.js";
import { table } from "./table.js";

const NAMES = Object.keys(TABS);

export function dialogView(state, act, now, extras) {
  return html`
    <dialog class="layer tasks-dialog" id="tasks-dialog" aria-labelledby="tasks-title"
      @close=${(event) => event.target.open || act.closeDialog()}>
      ${state.dialog === null ? nothing : content(state, act, now, extras)}
    </dialog>
  `;
}

function content(state, act, now, { freshness, toasts }) {
  const { tab } = state.dialog;
  return html`
    <header class="layer-head">
      <h2 id="tasks-title">Background-Tasks</h2>
      <button class="btn-close" type="button" aria-label="Close" @click=${act.closeDialog}></button>
    </header>
    <div class="tabs" role="tablist" aria-label="Tasks by status" @keydown=${(event) => moveTab(event, tab, act)}>
      ${NAMES.map((name) => tabButton(name, state, act))}
    </div>
    <section class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
      ${state.role === "admin" ? toolbar(state, act) : nothing}
      ${report(state.dialog.report, act)}
      <div class="panel-scroll">${panelContent(state, act, now)}</div>
    </section>
    ${toasts}
    <footer class="layer-foot">${freshness}<span class="ms-auto muted">${extent(state)}</span></footer>
  `;
}

function tabButton(name, { dialog, counts }, act) {
  const isSelected = dialog.tab === name;
  return html`
    <button class="tab" type="button" role="tab" id=${`tab-${name}`} aria-controls="panel"
      aria-selected=${isSelected ? "true" : "false"} tabindex=${isSelected ? "0" : "-1"} ?autofocus=${isSelected}
      @click=${() => isSelected || act.showTab(name)}>${tabTitle(name, counts)}</button>
  `;
}

/** Left, Right, Home and End, as in any list of tabs. */
function moveTab(event, tab, act) {
  const at = NAMES.indexOf(tab);
  const last = NAMES.length - 1;
  const to = { ArrowLeft: at === 0 ? last : at - 1, ArrowRight: at === last ? 0 : at + 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  document.getElementById(`tab-${NAMES[to]}`).focus();
  if (to !== at) act.showTab(NAMES[to]);
}

function toolbar({ dialog, list }, act) {
  const selected = dialog.selection.ids.size;
  return html`
    <div class="tools">
      <button class="btn btn-sm btn-outline-danger" type="button" ?disabled=${selected === 0} @click=${act.askToDelete}>
        <i class="bi bi-trash3" aria-hidden="true"></i> Delete
      </button>
      <span class="muted" aria-live="polite">${[selectedText(selected), heldText(list)].filter(Boolean).join(" · ")}</span>
    </div>
  `;
}

function selectedText(selected) {
  return selected === 0 ? "" : `${tasks(selected)} selected`;
}

function heldText(list) {
  const held = list === null ? 0 : heldBack(list);
  return held === 0 ? "" : `order paused, ${number(held)} new`;
}

function report(sentences, act) {
  if (sentences.length === 0) return nothing;
  return html`
    <div class="alert alert-warning report" role="alert">
      <div>
        <strong>Not touched, because of what changed meanwhile:</strong>
        <ul>${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>
      </div>
      <button class="btn-close" type="button" aria-label="Close report" @click=${() => closeReport(act)}></button>
    </div>
  `;
}

/** The button goes with the report, so the focus goes to the tab. */
function closeReport(act) {
  document.querySelector("#tasks-dialog [role=tab][aria-selected=true]").focus();
  act.closeReport();
}

function panelContent(state, act, now) {
  if (state.list !== null) return table(state, act, now);
  if (state.loadError === "") return html`<p class="loading" role="status">Loading…</p>`;
  return html`
    <div class="empty" role="alert">
      <p>${state.loadError}</p>
      <button class="btn btn-sm btn-outline-secondary" type="button" @click=${act.reload}>Try again</button>
    </div>
  `;
}

function extent({ list, counts }) {
  if (list === null || !list.hasMore) return "";
  return `The newest ${number(list.order.length)} of ${number(countOf(list.tab, counts) ?? list.order.length)}`;
}
