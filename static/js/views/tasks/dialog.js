/** The dialog Background-Tasks: three tabs with a table and its tools, and a task that was opened from it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { isAnswered, pagesOf } from "../../state/paged_list.js";
import { countChosen } from "../../state/selection.js";
import { counted, number } from "../../text/format.js";
import { emptyText, notFoundText, tabTitle } from "../../text/sentences.js";
import { TABS, countOf } from "../../text/statuses.js";
import { extent, pagedRows, problem } from "../parts/paged_list.js";
import { pagerView } from "../parts/pager.js";
import { paused } from "../parts/paused.js";
import { searchField } from "../parts/sorting.js";
import { reportView } from "./report.js";
import { table, tasksSortChoice } from "./table.js";
import { taskView } from "./task.js";

const NAMES = Object.keys(TABS);

export function dialogView(state, act, now, extras) {
  return html`
    <dialog class="layer tasks-dialog" id="tasks-dialog" aria-labelledby="tasks-title"
      @keydown=${(event) => goBack(event, state, act)} @close=${(event) => event.target.open || act.closeDialog()}>
      ${state.place.tab === null ? nothing : content(state, act, now, extras)}
    </dialog>
  `;
}

/** Handles Esc: it closes the open task first, then the dialog. */
function goBack(event, { place }, act) {
  if (event.key !== "Escape" || place.task === null) return;
  event.preventDefault();
  act.closeTask();
}

function content(state, act, now, { freshness, toasts }) {
  const { place, open } = state;
  const isCovered = place.task !== null;
  return html`
    <header class="layer-head">
      <h2 id="tasks-title">Background-Tasks</h2>
      <button class="btn-close" type="button" aria-label="Close" @click=${act.closeDialog}></button>
    </header>
    <div class="layer-body">
      <div class="list" ?inert=${isCovered}>
        <div class="tabs" role="tablist" aria-label="Tasks by status" @keydown=${(event) => moveTab(event, place.tab, act)}>
          ${NAMES.map((name) => tabButton(name, state, act))}
        </div>
        <section class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${place.tab}`}>${panel(state, act, now)}</section>
      </div>
      ${open === null ? nothing : html`<div class="task-pane">
        ${taskView(open, state, act, now, { heading: "h3", back: true })}
      </div>`}
    </div>
    ${toasts}
    <footer class="layer-foot">${freshness}${isCovered ? nothing : pager(state.lists.dialog, state.counts, act)}</footer>
  `;
}

function tabButton(name, { place, counts }, act) {
  const isSelected = place.tab === name;
  return html`
    <button class="tab" type="button" role="tab" id=${`tab-${name}`} aria-controls="panel"
      aria-selected=${isSelected ? "true" : "false"} tabindex=${isSelected ? "0" : "-1"} ?autofocus=${isSelected}
      @click=${() => isSelected || act.openTab(name)}>${tabTitle(name, counts)}</button>
  `;
}

/** Handles Left, Right, Home and End, as in any list of tabs. */
function moveTab(event, tab, act) {
  const at = NAMES.indexOf(tab);
  const last = NAMES.length - 1;
  const to = { ArrowLeft: at === 0 ? last : at - 1, ArrowRight: at === last ? 0 : at + 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  document.getElementById(`tab-${NAMES[to]}`).focus();
  if (to !== at) act.openTab(NAMES[to]);
}

function panel(state, act, now) {
  const { role, report, lists: { dialog: list } } = state;
  return html`
    ${toolbar(state, act)}
    ${role === "admin" ? allMatching(state, act) : nothing}
    ${report === null ? nothing : reportView(report, act)}
    ${list.error ? problem(list.error, act.reload) : nothing}
    <div class="panel-scroll">${panelContent(state, act, now)}</div>
  `;
}

function toolbar({ role, place, selection, lists: { dialog: list } }, act) {
  return html`
    <div class="tools">
      ${role === "admin" ? deleteButton(selection, act) : nothing}
      ${paused("dialog", list, act)}
      ${searchField("search", place.search, list.searchError, act.search)}
      ${tasksSortChoice(list, act)}
    </div>
  `;
}

function deleteButton(selection, act) {
  const count = countChosen(selection);
  return html`
    <button class="btn btn-sm btn-outline-danger" type="button" ?disabled=${count === 0} @click=${act.askToDelete}>
      <i class="bi bi-trash3" aria-hidden="true"></i> Delete
    </button>
    <span class="muted" aria-live="polite">${count === 0 ? "" : `${counted(count, "task")} selected`}</span>
  `;
}

/** Once all tasks on the page are selected, offers to select all others that match. */
function allMatching({ selection, lists: { dialog: list } }, act) {
  const { matching, ids } = selection;
  if (!isAnswered(list)) return nothing;
  if (matching !== null) {
    return html`<p class="matching">All ${amount(matching)} that match are selected.
      <button class="btn btn-sm btn-link" type="button" @click=${act.clearSelection}>Clear the selection</button></p>`;
  }
  const isWholePage = list.order.length > 0 && list.order.every((id) => ids.has(id));
  if (!isWholePage || list.count <= list.order.length) return nothing;
  return html`<p class="matching">All ${number(ids.size)} on this page are selected.
    <button class="btn btn-sm btn-link" type="button" @click=${act.selectAllMatching}>Select all ${amount(list)} that match</button></p>`;
}

function amount({ count, isExact }) {
  return isExact ? counted(count, "task") : `${number(count)}+ tasks`;
}

function panelContent(state, act, now) {
  const { place, role, lists: { dialog: list } } = state;
  return pagedRows(list, list.order, {
    hasFailed: list.error !== "",
    table: () => table(state, act, now),
    none: () => nothingYet(place.tab, role, act),
    notFound: ({ tab, search }) => notFoundText(tab, search),
    search: act.search,
  });
}

function nothingYet(tab, role, act) {
  const button = html`<button class="btn btn-sm btn-primary" type="button" @click=${() => act.openStart()}>Start a task</button>`;
  return html`<div class="empty"><p>${emptyText(tab)}</p>${role === "admin" ? button : nothing}</div>`;
}

// Pages.

function pager(list, counts, act) {
  const { page, size } = list.query;
  const pages = list.isExact ? pagesOf(list) : null;
  const turns = { setSize: act.setPageSize, showPage: act.showPage };
  return pagerView({ page, size, pages, extent: extent(list.answered, list.order, countText(list, counts)) }, turns);
}

/** Returns the number of tasks on all pages. Without a search, the counts of the frames are newer. */
function countText({ answered, order, count, isExact }, counts) {
  if (answered === null) return "";
  const known = answered.search === "" ? Math.max(countOf(answered.tab, counts) ?? 0, order.length) : count;
  return `${number(known)}${isExact ? "" : "+"}`;
}
