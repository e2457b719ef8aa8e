/** The form that starts a task. The server says what is wrong with it: only invalid JSON is refused here. */

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

/** Returns a time of which only a part is typed fires no event, and must not count as no time. */
function readNotBefore(input, start, act) {
  const given = input.validity.badInput ? INCOMPLETE : input.value;
  if (given !== start.notBefore) act.setStartOption("notBefore", given);
}

/** Ctrl+Enter sends the form even if Enter begins a line. */
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

/** The server's message repeats the mistakes that are shown beside their fields. */
function generalErrors({ job: name, error, errors }, job, { general }) {
  const isGone = name !== "" && job === null ? [`There is no job “${isolated(name)}”. Choose one that there is.`] : [];
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

/** Draws what is between backticks as code. */
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

/** Numbers are typed as text: a browser would hide from us, and from the server, what is no number. */
function inputControl(field, { id, isFirst, about, isRequired, isInvalid, value, set }) {
  return html`
    <input class=${`form-control ${["text", "name"].includes(field.kind) ? "" : "start-number"}`} type="text" id=${id}
      ?autofocus=${isFirst} inputmode=${inputMode(field)} autocapitalize="off" spellcheck="false"
      aria-required=${isRequired} aria-invalid=${isInvalid} aria-describedby=${about}
      .value=${live(value)} @input=${(event) => set(event.target.value)}>
  `;
}

/** The keyboards for numbers of some phones have no minus. */
function inputMode({ kind, mayBeNegative }) {
  if (["text", "name"].includes(kind) || mayBeNegative) return "text";
  return kind === "integer" ? "numeric" : "decimal";
}

function textControl(field, control) {
  return control.isMultiline ? areaControl(field, control) : inputControl(field, control);
}

/** The text is compared as a <textarea> gives it, or it would be set with each drawing and move the caret. */
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

/** With an empty choice if nothing has to be chosen, or nothing has been; and with a former task's value that is no choice any
 * more. */
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

const HOW = { list: "One per line.", json: "Written as JSON.", name: "A name of digits stands in quotes." };
const HOW_CHOSEN = {
  list: "Choose some, or type one and press Enter.",
  text: "Choose one, or type it.",
  name: "Choose one, or type it; a name of digits stands in quotes.",
};

/** Leaves out what a person sees or would guess: what can be chosen, and that text is text. */
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

/** What can be chosen is right: only an author's own words say more. */
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
        <p id="start-priority-hint" class="start-hint">A whole number from -100 to 100, higher first; empty means 0.</p>
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
          ${zone === "utc" ? "In UTC, as all times of this page" : `In the time of this browser, ${ZONE}`}; empty means as soon
          as it can.
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
