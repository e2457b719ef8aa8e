/** The form that starts a task. The server checks it: only invalid JSON is refused here. */

import { html, noChange, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { isChoosable } from "../../state/tasks/choosing.js";
import { INCOMPLETE, canStart, jobNamed, placed } from "../../state/tasks/job_form.js";
import { fieldsOf, leftEmptyText } from "../../state/tasks/schema_fields.js";
import { isolated } from "../../text/bidi.js";
import { capitalised } from "../../text/format.js";
import { secondStartText, startText } from "../../text/sentences.js";
import { alert, care, invalidity, mistakes } from "../parts/fields.js";
import { choosableControl } from "./choices.js";

const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export function startView(state, act, extras) {
  return html`
    <dialog class="layer start-dialog" id="start-dialog" aria-labelledby="start-title"
      @close=${(event) => event.target.open || act.closeStart()}>
      ${state.start === null ? nothing : content(state, act, extras)}
    </dialog>
  `;
}

function content({ start, jobs, preferences: { zone } }, act, { freshness, toasts }) {
  return html`
    <header class="layer-head">
      <h2 id="start-title">${start.from === null ? "Start a task" : "Run again with changed parameters"}</h2>
    </header>
    <form class="start-form" id="start-form" novalidate autocomplete="off"
      @submit=${(event) => submit(event, start, jobs, act)} @keydown=${submitByKey}>
      <div class="start-body">
        ${jobs === null ? loading(start) : html`<div ${care(start.refusals)}>${fieldsets(start, jobs, zone, act)}</div>`}
      </div>
      <footer class="layer-foot">${freshness}${buttons(start, jobs, act)}</footer>
    </form>
    ${toasts}
  `;
}

function loading({ error }) {
  return error ? alert([error]) : html`<p class="loading" role="status">Loading…</p>`;
}

function buttons(start, jobs, act) {
  return html`
    <span class="start-buttons">
      <button class="btn btn-outline-secondary" type="button" @click=${act.closeStart}>Close</button>
      <button class=${`btn btn-primary ${start.busy ? "is-busy" : ""}`} type="submit"
        aria-disabled=${canStart(start, jobs) ? "false" : "true"}>Start task</button>
    </span>
  `;
}

function submit(event, start, jobs, act) {
  event.preventDefault();
  if (!canStart(start, jobs)) return;
  readNotBefore(event.target.elements["start-not-before"], start, act);
  act.startTask();
}

/** Reads the earliest start: an input with only a part of a time fires no event, but must not count as empty. */
function readNotBefore(input, start, act) {
  const given = input.validity.badInput ? INCOMPLETE : input.value;
  if (given !== start.notBefore) act.setStartOption("notBefore", given);
}

/** Submits the form with Ctrl+Enter, also from a field in which Enter starts a new line. */
function submitByKey(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.localName !== "textarea") return;
  event.preventDefault();
  event.currentTarget.requestSubmit();
}

// The fields.

function fieldsets(start, jobs, zone, act) {
  const job = jobNamed(jobs, start.job);
  const fields = job === null ? [] : fieldsOf(job.parameters);
  const places = placed(fields, start.errors);
  return html`
    ${generalErrors(start, job, places)}
    ${jobField(start, jobs, job, act, places.job)}
    ${job === null ? nothing : parameters(start, job, fields, zone, act, places)}
  `;
}

/** Draws errors about the whole form. The server's message is left out if errors are shown beside fields: it repeats them. */
function generalErrors({ job: name, error, errors }, job, { general }) {
  const isGone = name !== "" && job === null ? [`There is no job “${isolated(name)}”. Choose another one.`] : [];
  const message = error !== "" && Object.keys(errors).length === 0 ? [error] : [];
  return alert([...isGone, ...message, ...general]);
}

function jobField(start, jobs, job, act, errors) {
  return html`
    <div class="start-field">
      <label class="form-label" for="start-job">Job</label>
      <select class="form-select" id="start-job" ?autofocus=${job === null} aria-invalid=${invalidity(errors)}
        aria-describedby="start-job-hint start-job-error" @change=${(event) => act.chooseJob(event.target.value)}>
        ${job === null ? html`<option value="" .selected=${live(true)}>Choose a job…</option>` : nothing}
        ${repeat(jobs, (one) => one.job, (one) => jobOption(one, start.job))}
      </select>
      <div id="start-job-hint">
        ${job === null ? nothing : html`<p class="start-hint">${withCode(job.description)}</p>${unavailable(job)}`}
      </div>
      ${mistakes("start-job-error", errors)}
    </div>
  `;
}

function jobOption({ job, available }, chosen) {
  return html`
    <option value=${job} .selected=${live(job === chosen)}>${available ? job : `${job} (not available here)`}</option>
  `;
}

function unavailable({ available, unavailable_because: reason }) {
  if (available) return nothing;
  return html`
    <p class="start-unavailable">
      <i class="bi bi-slash-circle" aria-hidden="true"></i><span>It cannot be started here: ${reason}.</span>
    </p>
  `;
}

/** Draws text between backticks as code. */
function withCode(text) {
  const parts = text.split("`");
  if (parts.length % 2 === 0) return text;
  return parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}

function parameters(start, job, fields, zone, act, places) {
  return html`
    ${fields.length === 0 ? html`<p class="muted">This job takes no parameters.</p>` : nothing}
    ${repeat(
      fields,
      (field) => `${job.job} ${field.name}`,
      (field, index) => parameter(field, index, { start, job, fields }, act, places.fields.get(field.name) ?? []),
    )}
    ${options(start, zone, act, places)}
  `;
}

function parameter(field, index, form, act, errors) {
  const { start } = form;
  const canChoose = isChoosable(field, start);
  const id = `start-field-${index}`;
  const control = {
    id,
    isFirst: index === 0,
    about: `${id}-hint ${id}-error`,
    isRequired: field.isRequired ? "true" : "false",
    isInvalid: invalidity(errors),
    value: start.values[field.name] ?? "",
    isMultiline: start.multiline.includes(field.name),
    set: (value) => act.setStartValue(field.name, value),
  };
  return html`
    <div class=${`start-field ${field.kind === "boolean" ? "start-check" : ""}`}>
      <label class="form-label" for=${id}>${field.label}${optionalMark(field)}</label>
      ${canChoose ? choosableControl(field, control, form, act) : (CONTROLS[field.kind] ?? inputControl)(field, control)}
      ${hint(field, id, canChoose)}
      ${mistakes(`${id}-error`, errors)}
    </div>
  `;
}

function optionalMark({ isRequired, kind }) {
  return isRequired || kind === "boolean" ? nothing : html` <span class="start-optional">optional</span>`;
}

const CONTROLS = {
  boolean: checkControl,
  choice: choiceControl,
  list: areaControl,
  json: areaControl,
  text: textControl,
};

/** Draws an input. Numbers are typed as text: from an input for numbers, browsers do not return anything else that was
 * typed. */
function inputControl(field, { id, isFirst, about, isRequired, isInvalid, value, set }) {
  return html`
    <input class=${`form-control ${["text", "name"].includes(field.kind) ? "" : "start-number"}`} type="text" id=${id}
      ?autofocus=${isFirst} inputmode=${inputMode(field)} autocapitalize="off" spellcheck="false"
      aria-required=${isRequired} aria-invalid=${isInvalid} aria-describedby=${about}
      .value=${live(value)} @input=${(event) => set(event.target.value)}>
  `;
}

/** Returns the keyboard for phones: on some, the one for numbers has no minus. */
function inputMode({ kind, mayBeNegative }) {
  if (["text", "name"].includes(kind) || mayBeNegative) return "text";
  return kind === "integer" ? "numeric" : "decimal";
}

function textControl(field, control) {
  return control.isMultiline ? areaControl(field, control) : inputControl(field, control);
}

/** Draws a text area. The value has the line breaks of a <textarea>; otherwise each drawing would set it and move the caret. */
function areaControl(field, { id, isFirst, about, isRequired, isInvalid, value, set }) {
  return html`
    <textarea class=${`form-control start-area ${field.kind === "json" ? "start-json" : ""}`} id=${id}
      ?autofocus=${isFirst} rows=${field.kind === "json" ? "4" : "3"} autocapitalize="off" spellcheck="false"
      aria-required=${isRequired} aria-invalid=${isInvalid} aria-describedby=${about}
      .value=${live(value.replace(/\r\n?/g, "\n"))} @input=${(event) => set(event.target.value)}></textarea>
  `;
}

function checkControl(field, { id, isFirst, about, isInvalid, value, set }) {
  return html`
    <input class="form-check-input" type="checkbox" id=${id} ?autofocus=${isFirst} aria-invalid=${isInvalid}
      aria-describedby=${about} .checked=${live(value === true)} @change=${(event) => set(event.target.checked)}>
  `;
}

/** Draws a choice; with an empty option if none is required or none was made yet, and with a former task's value even if that
 * is no longer an option. */
function choiceControl(field, { id, isFirst, about, isRequired, isInvalid, value, set }) {
  const texts = field.choices.map(String);
  const canBeEmpty = field.isNullable || value === "";
  const shown = [...new Set([...(canBeEmpty ? [""] : []), ...texts, value])];
  return html`
    <select class="form-select" id=${id} ?autofocus=${isFirst} aria-required=${isRequired} aria-invalid=${isInvalid}
      aria-describedby=${about} @change=${(event) => set(event.target.value)}>
      ${repeat(shown, (text) => text, (text) => choiceOption(text, field, value))}
    </select>
  `;
}

function choiceOption(text, { isNullable }, value) {
  const empty = isNullable ? "(none)" : "Choose…";
  return html`<option value=${text} .selected=${live(text === value)}>${text === "" ? empty : text}</option>`;
}

const HOW = { list: "One per line.", json: "Written as JSON.", name: "Put a name that is all digits in quotes." };
const HOW_CHOSEN = {
  list: "Choose from the list, or type one and press Enter.",
  text: "Choose one, or type it.",
  name: "Choose one, or type it; put a name that is all digits in quotes.",
};

/** Draws what the field expects, except what is obvious: the options of a choice, and that text is text. */
function hint(field, id, canChoose) {
  const isPlain = field.hint === "text" || ["boolean", "choice"].includes(field.kind);
  const words = canChoose ? chosenWords(field) : isPlain ? "" : field.hint;
  const expected = [words, leftEmptyText(field)].filter(Boolean).join("; ");
  const how = canChoose ? (HOW_CHOSEN[field.kind] ?? HOW_CHOSEN.text) : HOW[field.kind];
  return html`
    <div id=${`${id}-hint`} class="start-hint">
      ${field.description ? html`<p>${withCode(field.description)}</p>` : nothing}
      ${expected || canChoose ? html`<p>${expected ? `${capitalised(expected)}.` : nothing} ${how ?? nothing}</p>` : nothing}
      ${field.example ? html`<p>For example <code>${field.example}</code></p>` : nothing}
    </div>
  `;
}

/** Returns what to say about a field with choices: what can be chosen is valid, so only the author's own words add anything. */
function chosenWords({ kind, words, items, hint: all }) {
  if (kind === "list") return items.words ? `each ${items.words}` : "";
  return ["integer", "number"].includes(kind) ? all : words;
}

// When and how soon.

function options(start, zone, act, places) {
  return html`
    <details class="start-options">
      <summary>When and how soon</summary>
      <div class="start-field">
        <label class="form-label" for="start-priority">Priority</label>
        <input class="form-control start-number" type="text" id="start-priority" spellcheck="false"
          aria-invalid=${invalidity(places.priority)} aria-describedby="start-priority-hint start-priority-error"
          .value=${live(start.priority)} @input=${(event) => act.setStartOption("priority", event.target.value)}>
        <p id="start-priority-hint" class="start-hint">A whole number from -100 to 100; higher runs first. Empty means 0.</p>
        ${mistakes("start-priority-error", places.priority)}
      </div>
      <div class="start-field">
        <label class="form-label" for="start-not-before">Earliest start</label>
        <input class="form-control start-moment" type="datetime-local" id="start-not-before" name="start-not-before"
          aria-invalid=${invalidity(places.not_before)}
          aria-describedby="start-not-before-hint start-not-before-error"
          .value=${start.notBefore === INCOMPLETE ? noChange : live(start.notBefore)}
          @input=${(event) => act.setStartOption("notBefore", event.target.value)}>
        <p id="start-not-before-hint" class="start-hint">
          ${zone === "utc" ? "In UTC, like all times on this page" : `In the time zone of this browser, ${ZONE}`}. Empty means as
          soon as possible.
        </p>
        <p class="start-meaning" aria-live="polite">${startText(start, zone)}</p>
        ${secondStart(start, zone, act)}
        ${mistakes("start-not-before-error", places.not_before)}
      </div>
    </details>
  `;
}

function secondStart(start, zone, act) {
  const text = secondStartText(start, zone);
  if (text === "") return nothing;
  return html`
    <div class="start-check start-second">
      <label class="form-label" for="start-second">${text}</label>
      <input class="form-check-input" type="checkbox" id="start-second" .checked=${live(start.isSecondStart)}
        @change=${(event) => act.setStartOption("isSecondStart", event.target.checked)}>
    </div>
  `;
}
