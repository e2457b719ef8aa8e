/** The view of a task: its status, actions, history and outcome. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { keyed } from "/openattic/vendor/lit-html/directives/keyed.js";
import { lastSign, needsTask, stalledText } from "../../state/tasks/open_task.js";
import { balanced, isolated } from "../../text/bidi.js";
import { bytes, moment, number, ordinal, percent } from "../../text/format.js";
import { readable } from "../../text/json.js";
import { estimateOf, roundText, underWayText } from "../../text/sentences.js";
import { ABORTED, NOT_STARTED, RUNNING, isFinal, isPending } from "../../text/statuses.js";
import { copyButton, jsonBlock, textBlock } from "../parts/json.js";
import { onPlainClick } from "../parts/links.js";
import { named } from "../parts/names.js";
import { loading } from "../parts/paged_list.js";
import { timeView } from "../parts/time.js";
import { resultsOf } from "./results.js";
import { roundsView } from "./rounds.js";
import { statusIcon, statusTone } from "./status.js";
import { timelineView } from "./timeline.js";

const STALLED = "bi-exclamation-circle-fill";
const STOP_HINT = "Kill its worker without waiting for the end of the round";
const KEEP_HINT = "Kept tasks are never removed because of their age";

/** Draws a task. `heading` is the level of its title, "h1" to "h3"; `back`: whether there is a list to go back to. The title
 * stays the same element whatever happens to the task, so that it keeps the focus. */
export function taskView(open, { role, place }, act, now, { heading, back }) {
  const context = { level: Number(heading[1]), isAdmin: role === "admin", curves: place.curves, back, act, now };
  const isMissing = open.task === null && open.gone;
  return keyed(open.id, html`
    <article class=${`task ${isMissing ? "is-missing" : ""}`} aria-labelledby="task-title task-id">
      ${isMissing ? html`<i class="bi bi-search" aria-hidden="true"></i>` : notices(open, context)}
      <header class="task-head">
        <div class="task-name-line">
          ${title(nameOf(open), context)}${open.task === null ? nothing : facts(open, context)}
        </div>
        ${context.isAdmin && open.task !== null && !open.gone ? actions(open.task, context) : nothing}
      </header>
      ${body(open, context)}
    </article>
  `);
}

function nameOf({ id, task, gone }) {
  if (task !== null) return task.description;
  return gone ? `There is no task #${id}` : `Task #${id}`;
}

function body(open, context) {
  if (open.task !== null) return known(open, context);
  if (open.gone) return missing(context);
  return open.error === "" ? loading() : nothing;
}

/** Draws that the task in the address does not exist, or no longer does. */
function missing({ back, act }) {
  const leave = back ? act.closeTask : () => act.openTab("pending");
  return html`
    <p class="muted">This task no longer exists: it was deleted, or removed because of its age. Or it never did.</p>
    <button class="btn btn-outline-secondary" type="button" @click=${leave}>
      ${back ? "Back to the list" : "Open the list"}
    </button>
  `;
}

function known(open, context) {
  const { task } = open;
  const copyParameters = () => copyButton(() => readable(task.params).text, "the parameters", context.act, "Copy as JSON");
  return html`
    ${progress(open, context)}
    ${results(open, context)}
    <div class="task-columns">
      ${section("Time line", context, timelineView(open, context.now))}
      ${section("Parameters", context, parameters(task), task.params === null ? nothing : copyParameters())}
    </div>
    ${section("Rounds", context, roundsView(open, context.act, context.now), roundsNote(open))}
    ${outcomeSection(open, context)}
    ${section("Who did what", context, who(task, context))}
  `;
}

/** Draws the results, if the job has a view for them. */
function results(open, context) {
  const own = resultsOf(open.task.job);
  if (own === undefined) return nothing;
  const { curves, act } = context;
  return section(own.title, context, own.view({ open, curves, act }), own.aside({ open, act }));
}

function notices({ gone, error }, context) {
  return html`
    ${backButton(context)}
    ${gone ? html`<p class="alert alert-warning" role="alert">This task no longer exists.</p>` : nothing}
    ${error ? problem(error, context) : nothing}
  `;
}

function backButton({ back, act }) {
  if (!back) return nothing;
  return html`
    <button class="btn btn-sm btn-link task-back" type="button" @click=${act.closeTask}>
      <i class="bi bi-arrow-left" aria-hidden="true"></i> Back to the list
    </button>
  `;
}

function problem(text, { act }) {
  return html`
    <div class="alert alert-danger task-problem" role="alert">
      <span>${text}</span>
      <button class="btn btn-sm btn-outline-danger" type="button" @click=${act.reload}>Try again</button>
    </div>
  `;
}

/** Draws the title, which gets the focus when the view opens. */
function title(text, { level }) {
  if (level === 1) return html`<h1 class="task-title" id="task-title" tabindex="-1">${named(text)}</h1>`;
  if (level === 2) return html`<h2 class="task-title" id="task-title" tabindex="-1">${named(text)}</h2>`;
  return html`<h3 class="task-title" id="task-title" tabindex="-1">${named(text)}</h3>`;
}

function section(name, { level }, body, aside = nothing) {
  return html`
    <section class="task-section">
      <header class="task-section-head">${sectionTitle(name, level + 1)}${aside}</header>
      ${body}
    </section>
  `;
}

function sectionTitle(name, level) {
  if (level === 2) return html`<h2>${name}</h2>`;
  return level === 3 ? html`<h3>${name}</h3>` : html`<h4>${name}</h4>`;
}

// Name, id, status and actions.

function facts(open, context) {
  const { task } = open;
  const { icon, tone, word } = standing(open);
  return html`
    <p class="task-facts">
      <span class=${`task-status tone-${tone}`}><i class=${`bi ${icon}`} aria-hidden="true"></i> ${word}</span>
      <span class="task-id"><span id="task-id">#${task.id}</span>${copyId(task.id, context)}</span>
      <span>${whoAndWhen(task, context.now)}</span>
    </p>
  `;
}

function copyId(id, { act }) {
  return html`
    <button class="btn btn-sm copy copy-id" type="button" aria-label=${`Copy the number ${id}`} title="Copy"
      @click=${() => act.copy(String(id))}><i class="bi bi-copy" aria-hidden="true"></i></button>
  `;
}

/** Returns the status with its icon and tone, and whether the task is stopping, stalled, interrupted or deleted. */
function standing({ task, gone }) {
  const { status, stopping, stalled, interruptions } = task;
  const plain = { icon: statusIcon(status), tone: statusTone(status), word: status };
  if (gone) return { icon: "bi-trash3", tone: "waiting", word: `${status}, deleted` };
  if (stopping) return { icon: "bi-hourglass-split", tone: "amber", word: `${status}, stopping` };
  if (status === RUNNING && stalled) return { icon: STALLED, tone: "amber", word: `${status}, stalled` };
  const isInterrupted = status === NOT_STARTED && interruptions > 0;
  return isInterrupted ? { icon: "bi-arrow-clockwise", tone: "amber", word: `${status}, interrupted` } : plain;
}

function whoAndWhen({ created, created_by: by, ended }, now) {
  const end = ended ? html`, ended ${timeView(ended, now)}` : nothing;
  return html`created ${timeView(created, now)}${by ? ` by ${by}` : ""}${end}`;
}

function actions(task, { act }) {
  return html`
    <div class="task-actions" role="group" aria-label="Actions">
      ${task.stopping ? button("Stop now", "bi-stop-fill", () => act.stopNow(task), "btn-danger", STOP_HINT) : nothing}
      ${isFinal(task.status) ? button("Run again", "bi-arrow-repeat", () => act.runAgain(task)) : nothing}
      ${button("Run again with changed parameters", "bi-sliders", () => act.runChanged(task))}
      ${keepButton(task, act)}
      ${button("Delete", "bi-trash3", () => act.askToDeleteTask(task), "btn-outline-danger")}
    </div>
  `;
}

function button(name, icon, onClick, looks = "btn-outline-secondary", hint = nothing) {
  return html`
    <button class=${`btn btn-sm ${looks}`} type="button" title=${hint} @click=${onClick}>
      <i class=${`bi ${icon}`} aria-hidden="true"></i> ${name}
    </button>
  `;
}

function keepButton(task, act) {
  const turn = () => act.pin(task, !task.pinned);
  if (!task.pinned) return button("Keep", "bi-pin", turn, undefined, KEEP_HINT);
  return button("Kept", "bi-pin-fill", turn, undefined, `${KEEP_HINT}. Click to stop keeping this one`);
}

// Progress, and what comes next.

function progress(open, context) {
  const { task } = open;
  const isMoving = task.status === RUNNING && !task.stalled && !open.gone;
  const far = task.status === RUNNING ? underWayText(task) : roundText(task);
  const text = isPending(task.status) ? [far, isolated(task.message)].filter(Boolean).join(" · ") : "";
  return html`
    <section class=${`task-progress tone-${standing(open).tone} ${isMoving ? "is-moving" : ""}`} aria-label="Progress">
      <div class="task-progress-line">
        <progress max="100" value=${task.percent} aria-label="Complete"></progress>
        <strong class="task-percent">${percent(task.percent)}</strong>
      </div>
      <p class="task-next">${next(open, context)}</p>
      ${text ? html`<p class="muted task-message">${text}</p>` : nothing}
    </section>
  `;
}

function next(open, context) {
  const { task, gone } = open;
  const outcome = isolated(task.outcome || task.status);
  if (task.stopping) return `${outcome}. Its last round will end by itself; what has been done is not rolled back.`;
  if (isFinal(task.status)) return outcome;
  if (gone) return "It was deleted before it ended.";
  return task.status === RUNNING ? running(open, context) : waiting(task, context);
}

function running(open, { now }) {
  const { task } = open;
  if (task.stalled) {
    const text = stalledText(task, now, lastSign(open));
    return html`<span class="tone-text"><i class=${`bi ${STALLED}`} aria-hidden="true"></i> ${text}</span>`;
  }
  const estimate = estimateOf(task, now);
  if (estimate === null) return html`<span class="muted">It is not known yet when it will end.</span>`;
  if (estimate === "soon") return "Should end any moment";
  const when = html`${timeView(task.estimated, now)} <span class="muted">(${moment(task.estimated, now)})</span>`;
  return estimate === "ahead" ? html`Should end ${when}` : html`Later than estimated: it should have ended ${when}`;
}

function waiting(task, context) {
  const resumes = task.round ? `resumes after ${roundText(task)}` : "starts over";
  return html`${task.interruptions > 0 ? `Interrupted, ${resumes}. ` : nothing}${waitingReason(task, context)}`;
}

/** Returns why the task is waiting, as the server last reported it. */
function waitingReason({ waiting_for: why }, { act, now }) {
  if (why?.reason === "worker") return `Waiting for a worker${why.position ? `, ${ordinal(why.position)} in line` : ""}`;
  if (why?.reason === "lock") return html`Waiting for ${taskLink(why.task, act)} (same lock)${lockPlace(why.position)}`;
  if (why?.reason !== "schedule") return "Waiting to start";
  return html`Waiting until ${moment(why.until, now)} <span class="muted">(${timeView(why.until, now)})</span>`;
}

function lockPlace(position) {
  return position > 1 ? `, ${ordinal(position)} in line` : "";
}

function taskLink(id, act) {
  return html`<a href=${`?task=${id}`} @click=${onPlainClick(() => act.openTask(id))}>#${id}</a>`;
}

// The parameters.

function parameters(task) {
  return guard([task.params, task.metadata, task.job], () => html`
    ${definitions([["job", html`<code>${task.job}</code>`], ...entries(task.params ?? {}, "Parameter")])}
    ${task.params === null ? html`<p class="muted">Loading ${bytes(task.params_bytes)}…</p>` : nothing}
    ${Object.keys(task.metadata).length === 0 ? nothing : html`
      <p class="muted task-subtitle">What it concerns</p>
      ${definitions(entries(task.metadata, "Metadata"))}
    `}
  `);
}

function entries(object, kind) {
  return Object.entries(object).map(([name, value]) => [name, valueView(value, `${kind} ${name}`)]);
}

function valueView(value, label) {
  if (value === "") return html`<span class="muted">empty</span>`;
  if (typeof value === "string") return html`<span class="text-value">${value}</span>`;
  const isSimple = value === null || typeof value !== "object" || Object.keys(value).length === 0;
  if (isSimple) return html`<code>${JSON.stringify(value)}</code>`;
  return textBlock(readable(value).text, label);
}

/** Draws names and values, as a table of two columns. */
function definitions(pairs) {
  const row = ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<dl class="definitions">${pairs.map(row)}</dl>`;
}

// The outcome.

function roundsNote({ rounds, hasEarlier }) {
  if (rounds.length === 0) return nothing;
  return html`<span class="muted">${hasEarlier ? `the newest ${number(rounds.length)}` : number(rounds.length)}</span>`;
}

function outcomeSection(open, context) {
  const { task } = open;
  if (task.error !== null) return section("Error", context, errorView(task.error), copyError(task.error, context));
  if (task.result_bytes === null) return nothing;
  return section("Result", context, resultView(open), aboutResult(task, context));
}

function aboutResult({ result, result_bytes: size }, { act }) {
  if (result === null) return nothing;
  const copy = copyButton(() => readable(result).text, "the result", act);
  return html`<span><span class="muted">${bytes(size)}</span> ${copy}</span>`;
}

function resultView(open) {
  const { task } = open;
  const note = (text) => html`<p class="muted">${text}</p>`;
  if (needsTask(open)) return note(open.gone ? `It was ${bytes(task.result_bytes)} long.` : "Loading…");
  if (task.result === null) return note("The job returned nothing.");
  return jsonBlock(task.result, "Result", `/openattic/api/taskqueue/${task.id}`);
}

function copyError({ type, message, traceback }, { act }) {
  if (traceback) return copyButton(() => traceback, "the traceback", act);
  return copyButton(() => `${type}: ${message}`, "the error", act);
}

function errorView({ type, message, traceback }) {
  const said = message ? html`: <bdi class="text-value">${balanced(message)}</bdi>` : nothing;
  return html`
    <p class="task-error tone-exception"><strong class="tone-text">${named(type)}</strong>${said}</p>
    ${traceback ? textBlock(traceback, "Traceback") : nothing}
  `;
}

// Who did what.

function who(task, { act, now }) {
  const pairs = [
    ["Created by", task.created_by ?? html`<span class="muted">unknown</span>`],
    [task.status === ABORTED ? "Aborted by" : "Ended by", task.ended_by],
    ["Rerun of", task.retry_of === null ? null : taskLink(task.retry_of, act)],
    ["Kept", task.pinned ? "yes, whatever its age" : null],
    ["Priority", task.priority === 0 ? null : number(task.priority)],
    ["Not before", task.not_before === null ? null : timeView(task.not_before, now)],
  ];
  return definitions(pairs.filter(([, value]) => value !== null));
}
