/** Home: pending tasks, new failures, workers, the last hour, and how to begin. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { inProgressText, rowsOf as changesOf, silenceText } from "../../state/clusters/elsewhere.js";
import { unseenCount } from "../../state/notices/unseen.js";
import { pendingText, sumOf } from "../../state/statistics.js";
import { rows } from "../../state/tasks/task_list.js";
import { counted, number, percent } from "../../text/format.js";
import { estimateOf } from "../../text/sentences.js";
import { FINISHED, NOT_STARTED, RUNNING, TABS, countOf, isFinal } from "../../text/statuses.js";
import { elsewhereCard } from "../clusters/elsewhere.js";
import { onPlainClick } from "../parts/links.js";
import { taskLink } from "../parts/names.js";
import { paused } from "../parts/paused.js";
import { timeView } from "../parts/time.js";
import { completeBar } from "../tasks/complete.js";
import { statusLine, statusTone } from "../tasks/status.js";
import { lastHour } from "./last_hour.js";
import { workersView } from "./workers.js";

const MOST_PENDING = 8;
const MOST_FAILURES = 5;
const UNKNOWN_COUNT = 3;
const LARGE = 9999;
const TILE_ICONS = { pending: "bi-hourglass-split", failed: "bi-exclamation-triangle", finished: "bi-check2-circle" };

/** Draws the view, as in views.js. */
export function homeView(state, act, now) {
  return html`<main class="home" id="content">${home(dataOf(state), act, now)}</main>`;
}

function dataOf(state) {
  const { user, role, counts, pendingPercent, unseen, unseenShown, lists, workers, statistics, health, errors } = state;
  const failures = rowsKnown(lists.failures)?.filter((task) => task.ended > unseenShown.seen) ?? null;
  const count = (of) => (counts === null ? 0 : unseenCount(of, counts));
  return {
    user,
    role,
    counts,
    pendingPercent,
    unseenCount: count(unseen),
    unseenAtLeast: unseen.atLeast,
    lists,
    pending: rowsKnown(lists.pending),
    failures: { known: failures, count: count(unseenShown), atLeast: unseenShown.atLeast },
    workers,
    statistics,
    health,
    errors,
    elsewhere: {
      rows: changesOf(state.elsewhere),
      silence: silenceText(state.elsewhere),
      hasSeveralClusters: state.ceph.clusters?.length > 1,
    },
  };
}

function rowsKnown(list) {
  return list?.answered ? rows(list) : null;
}

/**
 * Draws `data`: `{ user, role, counts, pendingPercent, unseenCount, unseenAtLeast, lists, pending, failures: { known, count,
 * atLeast }, workers, statistics, health, elsewhere (views/clusters/elsewhere.js), errors: { workers, statistics } }`. What is
 * not known yet is null, and its place stays empty. `lists` are those of the state, to show what they hold back.
 */
function home(data, act, now) {
  const isFirst = data.counts !== null && Object.values(data.counts).every((count) => count === 0);
  const isAdmin = data.role === "admin";
  return html`
    <div class="home-head">
      <div><h1 class="home-title" tabindex="-1">${title(data)}</h1><p class="lead">${lead(data)}</p></div>
    </div>
    ${trouble(data.health)}
    <nav class="tiles" aria-label="Tasks by state">${Object.keys(TABS).map((tab) => tile(tab, data, act))}</nav>
    <div class="home-columns">
      <div class="home-column">
        ${isFirst ? howToBegin(data, act) : pendingCard(data, act, now)}
        ${elsewhereCard(data.elsewhere, data.role, act, now)}
        ${isFirst ? nothing : failuresCard(data, act, now)}
      </div>
      <div class="home-column">
        ${workersView(data.workers, data.errors.workers, namesOf(data.pending), act)}
        ${guard([data.statistics, data.errors.statistics], () => lastHour(data.statistics, data.errors.statistics))}
      </div>
    </div>
    ${isAdmin && !isFirst ? byRest(data) : nothing}
  `;
}

/** Draws the service's problems, in its own words. */
function trouble(health) {
  if (!health?.problems.length) return nothing;
  return html`
    <div class="alert alert-warning trouble" role="status">
      <i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i>
      <div>${health.problems.map((problem) => html`<p class="trouble-words">${problem}</p>`)}</div>
    </div>
  `;
}

function title({ counts, elsewhere }) {
  if (counts === null) return "Hourglass";
  const pending = countOf("pending", counts);
  if (pending > 0) return `${counted(pending, "task")} pending`;
  return elsewhere.rows.length > 0 ? "No task is pending" : "All is quiet";
}

function lead({ counts, pendingPercent, elsewhere }) {
  if (counts === null) return "Checking the current state…";
  const pending = countOf("pending", counts);
  if (pending === 0 && elsewhere.rows.length > 0) return inProgressText(elsewhere.rows.length);
  if (pending === 0) return "Nothing is waiting and nothing is running.";
  return `${percent(pendingPercent)} done${pending === 1 ? "" : " on average"}.`;
}

function startButton(act) {
  return html`
    <button class="btn btn-primary start-button" type="button" aria-haspopup="dialog" @click=${() => act.openStart()}>
      <i class="bi bi-plus-lg" aria-hidden="true"></i> Start a task
    </button>
  `;
}

// How many there are.

function tile(tab, data, act) {
  const count = countOf(tab, data.counts);
  const isBad = tab === "failed" && data.unseenCount > 0;
  return html`
    <a class="tile" href=${`?tab=${tab}`} data-tab=${tab} @click=${onPlainClick(() => act.openTab(tab))}>
      <span class="tile-title">
        <i class=${`bi ${TILE_ICONS[tab]} ${isBad ? "text-failed" : ""}`} aria-hidden="true"></i> ${TABS[tab].title}
      </span>
      <span class=${`tile-count ${count > LARGE ? "is-large" : ""}`}>
        ${count === null ? skeleton() : number(count)}
      </span>
      <span class="tile-note">${count === null ? nothing : NOTES[tab](data)}</span>
    </a>
  `;
}

const NOTES = {
  pending: ({ counts }) => pendingText(counts[RUNNING] ?? 0, counts[NOT_STARTED] ?? 0),
  failed: ({ unseenCount, unseenAtLeast }) => (unseenCount === 0 ? nothing : unseenNote(unseenCount, unseenAtLeast)),
  finished: ({ counts, statistics }) =>
    statistics === null || counts[FINISHED] === 0 ? nothing : lately(sumOf(statistics.minutes, "finished")),
};

function lately(count) {
  return `${count === 0 ? "none" : number(count)} in the last hour`;
}

function unseenNote(count, atLeast) {
  return html`<span class="text-failed">${number(count)}${atLeast ? "+" : ""} not yet looked at</span>`;
}

// What is going on.

function pendingCard({ counts, pending, lists }, act, now) {
  const count = countOf("pending", counts);
  const isEmpty = count === 0 && !pending?.length;
  return html`
    <section class="home-card" aria-labelledby="pending-title">
      <div class="home-card-head"><h2 id="pending-title">Pending tasks</h2>${paused("pending", lists.pending, act)}</div>
      ${isEmpty ? noPending() : pendingList(pending, count ?? UNKNOWN_COUNT, act, now)}
      ${count > MOST_PENDING ? more("pending", `All ${counted(count, "pending task")}`, act) : nothing}
    </section>
  `;
}

function noPending() {
  return html`
    <p class="home-empty">Tasks appear here as soon as they are created, with their progress and estimated end.</p>
  `;
}

function pendingList(pending, count, act, now) {
  if (pending === null) return placeholders(Math.min(count, MOST_PENDING));
  return html`
    <ul class="home-tasks" data-list="pending" @focusout=${act.leaveTable}>
      ${repeat(pending.slice(0, MOST_PENDING), (task) => task.id, (task) => pendingRow(task, act, now))}
    </ul>
  `;
}

function pendingRow(task, act, now) {
  return html`
    <li class="home-task" data-state=${statusTone(task.status)}>
      <div class="home-task-what">
        ${nameLine(task, act)}
        ${statusLine(task, "pending", now)}
      </div>
      <div class="home-task-how">
        ${completeBar(task)}
        <div class="home-task-when">${endText(task, now)}</div>
      </div>
    </li>
  `;
}

function nameLine(task, act) {
  const link = taskLink(task, "home-task-name", `?task=${task.id}`, () => act.openTask(task.id));
  return html`<div class="home-task-line">${link}</div>`;
}

/** Returns when the task should end; nothing if it has not started, since the line of its status says why. */
function endText(task, now) {
  if (isFinal(task.status)) return html`ended ${timeView(task.ended, now)}`;
  const estimate = estimateOf(task, now);
  if (estimate === null) return task.status === RUNNING ? "end not known yet" : nothing;
  if (estimate === "ahead") return html`ends ${timeView(task.estimated, now)}`;
  return estimate === "soon" ? "ends any moment" : "later than estimated";
}

function more(tab, text, act) {
  return html`
    <p class="home-more"><a href=${`?tab=${tab}`} @click=${onPlainClick(() => act.openTab(tab))}>
      ${text} <i class="bi bi-arrow-right" aria-hidden="true"></i>
    </a></p>
  `;
}

// What went wrong.

function failuresCard({ failures: { known, count, atLeast }, lists }, act, now) {
  const shown = known?.slice(0, atLeast ? MOST_FAILURES : Math.min(count, MOST_FAILURES));
  if (count === 0 || shown?.length === 0) return nothing;
  return html`
    <section class="home-card" aria-labelledby="failures-title">
      <div class="home-card-head">
        <h2 id="failures-title">Failures not yet looked at</h2>
        <span class="muted">${number(count)}${atLeast ? "+" : ""}</span>
        ${paused("failures", lists.failures, act)}
      </div>
      ${shown ? failureList(shown, act, now) : placeholders(Math.min(count, MOST_FAILURES))}
      ${more("failed", "All failed tasks", act)}
    </section>
  `;
}

function failureList(failures, act, now) {
  return html`
    <ul class="home-tasks" data-list="failures" @focusout=${act.leaveTable}>${repeat(failures, (task) => task.id, (task) => failureRow(task, act, now))}</ul>
  `;
}

function failureRow(task, act, now) {
  return html`
    <li class="home-task is-failure" data-state=${statusTone(task.status)}>
      <div class="home-task-what">
        ${nameLine(task, act)}
        ${statusLine(task, "pending", now)}
      </div>
      <div class="home-task-when">${timeView(task.ended, now)}</div>
    </li>
  `;
}

// How to begin.

function howToBegin(data, act) {
  if (data.role !== "admin") return nobodyYet();
  return html`
    <section class="home-card begin" aria-labelledby="begin-title">
      <h2 id="begin-title">How to begin</h2>
      <p>A task runs in the background, round by round: this page shows how far it has got and when it should end.</p>
      <p>${startButton(act)}</p>
      <p>Or use the REST API. This command starts a task that counts to five, one number per round:</p>
      ${command(data)}
    </section>
  `;
}

function nobodyYet() {
  return html`
    <section class="home-card begin" aria-labelledby="begin-title">
      <h2 id="begin-title">Nothing yet</h2>
      <p>No tasks have been started yet. As soon as someone starts one, you can follow it here.</p>
    </section>
  `;
}

function byRest(data) {
  return html`
    <details class="by-rest">
      <summary>By REST</summary>
      <p>This command starts a task that counts to five, one number per round:</p>
      ${command(data)}
    </details>
  `;
}

function command({ user }) {
  const code = `curl -u ${user} --json '{"times": 5}' \\\n  ${location.origin}/openattic/api/taskqueue/test_task`;
  return html`<pre class="command" tabindex="0" role="region" aria-label="Command"><code>${code}</code></pre>`;
}

// What is not known yet.

function skeleton() {
  return html`<span class="skeleton">&nbsp;</span>`;
}

function placeholders(count) {
  const row = html`
    <li class="home-task" aria-hidden="true">
      <div class="home-task-what"><div>${skeleton()}</div><div class="status-line">${skeleton()}</div></div>
      <div class="home-task-how"><div class="complete">${skeleton()}</div><div class="home-task-when"></div></div>
    </li>
  `;
  return html`<ul class="home-tasks is-loading">${Array.from({ length: count }, () => row)}</ul>`;
}

function namesOf(pending) {
  return new Map((pending ?? []).map((task) => [task.id, task.description]));
}
