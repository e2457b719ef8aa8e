/** The forms over the views of a cluster: a number of PGs and its impact, a new pool, performance data. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { errorsAt, isLacking, maySet, preflightOf, samplesOf } from "../../state/clusters/forms.js";
import { namesIn } from "../../state/clusters/images.js";
import { LEAST_PGS, MOST_PGS, isWhole, meaning, powersAround, typedNumber } from "../../state/clusters/pools.js";
import { isolated } from "../../text/bidi.js";
import { counted, number } from "../../text/format.js";
import { alert, care, invalidity, mistakes } from "../parts/fields.js";

const APPLICATIONS = ["rbd", "cephfs", "rgw"];
const WHOLE_HINT = `A whole number from ${LEAST_PGS} to ${number(MOST_PGS)}`;
const INTERVAL_HINT = "The cluster itself updates its figures every few seconds.";
const FORMS = {
  pgs: { title: ({ pool }) => `Number of PGs${pool ? ` of pool ${isolated(pool.name)}` : ""}`, body: pgsBody, button: pgsButton, submit: "setPgs" },
  create: { title: () => "Create pool", body: createBody, button: () => "Create pool", submit: "createPool" },
  performance: {
    title: () => "Get RBD performance data",
    body: performanceBody,
    button: () => "Get performance data",
    submit: "getPerformance",
  },
};

export function cephFormView({ ceph: { form, selection } }, act, extras) {
  return html`
    <dialog class="layer start-dialog ceph-dialog" id="ceph-dialog" aria-labelledby="ceph-title"
      @close=${(event) => event.target.open || act.closeViewForm()}>
      ${form === null ? nothing : content(form, selection, act, extras)}
    </dialog>
  `;
}

function content(form, selection, act, { freshness, toasts }) {
  const { title, body, button, submit } = FORMS[form.kind];
  const isReady = form.kind === "pgs" ? maySet(form) : !form.busy && !isLacking(form);
  return html`
    <header class="layer-head"><h2 id="ceph-title">${title(form)}</h2></header>
    <form class="start-form" novalidate autocomplete="off" @submit=${(event) => send(event, isReady, act[submit])}>
      <div class="start-body">
        ${isLacking(form) ? html`<p class="loading" role="status">Loading…</p>` : html`
          <div ${care(form.refusals)}>${body(form, selection, act)}</div>`}
      </div>
      <footer class="layer-foot">
        ${freshness}
        <span class="start-buttons">
          <button class="btn btn-outline-secondary" type="button" @click=${act.closeViewForm}>Close</button>
          <button class=${`btn btn-primary ${form.busy ? "is-busy" : ""}`} type="submit"
            aria-disabled=${isReady ? "false" : "true"}>${button(form)}</button>
        </span>
      </footer>
    </form>
    ${toasts}
  `;
}

function send(event, isReady, submit) {
  event.preventDefault();
  if (isReady) submit();
}

/** Draws the field for the value `name`. The first field also shows the errors that belong to no field. */
function field(form, name, label, hint, act, { isFirst = false, isNumber = false } = {}) {
  const id = `ceph-${name}`;
  const errors = errorsAt(form, name, isFirst);
  return html`
    <div class="start-field">
      <label class="form-label" for=${id}>${label}</label>
      <input class=${`form-control ${isNumber ? "start-number" : ""}`} type="text" id=${id} ?autofocus=${isFirst}
        inputmode=${isNumber ? "decimal" : "text"} autocapitalize="off" spellcheck="false" aria-required="true"
        aria-invalid=${invalidity(errors)} aria-describedby=${`${id}-hint ${id}-error`}
        .value=${live(form.values[name])} @input=${(event) => act.setViewValue(name, event.target.value)}>
      <div class="start-hint" id=${`${id}-hint`}>${hint}</div>
      ${mistakes(`${id}-error`, errors)}
    </div>
  `;
}

// The number of PGs.

function pgsButton({ pool, values: { pg_num: text } }) {
  return pool !== null && isWhole(text) ? `Set to ${counted(typedNumber(text), "PG")}` : "Set number of PGs";
}

function pgsBody(form, selection, act) {
  if (form.pool === null) return alert([form.error]);
  const { pool } = form;
  return html`
    ${field(form, "pg_num", "Number of PGs", `${WHOLE_HINT}; pool ${isolated(pool.name)} has ${counted(pool.pg_num_target, "PG")}.`, act, {
      isFirst: true,
      isNumber: true,
    })}
    <div class="powers" role="group" aria-label="Powers of two nearby">
      ${powersAround(pool.pg_num_target).map((power) => powerButton(power, form, act))}
    </div>
    <div class="preflight" role="status" aria-label="What it means">${preflightView(form)}</div>
  `;
}

function powerButton(power, { values }, act) {
  const isChosen = typedNumber(values.pg_num) === power;
  return html`
    <button class="btn btn-sm btn-outline-secondary" type="button" aria-pressed=${isChosen ? "true" : "false"}
      @click=${() => act.setViewValue("pg_num", String(power))}>${number(power)}</button>
  `;
}

function preflightView(form) {
  const preflight = preflightOf(form);
  if (form.problem) return caution("bi-x-circle-fill", "exception", form.problem);
  if (!isWhole(form.values.pg_num)) return html`<p class="muted">Type a number to see its impact.</p>`;
  if (preflight === null) return html`<p class="loading">Checking the impact…</p>`;
  if (preflight.refused !== null) return caution("bi-x-circle-fill", "exception", preflight.refused);
  return html`
    ${preflight.from === preflight.to ? nothing : step(preflight)}
    ${meaning(preflight).map((sentence) => html`<p>${sentence}</p>`)}
    ${preflight.warnings.length === 0 ? nothing : cautions(preflight.warnings)}
  `;
}

function step({ from, to }) {
  return html`<p class="preflight-step">${number(from)} → ${number(to)}</p>`;
}

function cautions(warnings) {
  const one = ({ text }) => html`<li>${caution("bi-exclamation-triangle-fill", "amber", text)}</li>`;
  return html`<ul class="cautions">${warnings.map(one)}</ul>`;
}

function caution(icon, tone, text) {
  return html`
    <p class=${`caution tone-${tone}`}><i class=${`bi ${icon} tone-text`} aria-hidden="true"></i><span>${text}</span></p>
  `;
}

// A new pool.

function createBody(form, selection, act) {
  return html`
    ${field(form, "name", "Name", "Letters, digits, dots, hyphens and underscores.", act, { isFirst: true })}
    ${field(form, "pg_num", "Number of PGs", `${WHOLE_HINT}; with a power of two, all PGs hold the same amount of data.`, act, {
      isNumber: true,
    })}
    <div class="start-field">
      <label class="form-label" for="ceph-application">Application</label>
      <select class="form-select start-number" id="ceph-application" aria-invalid=${invalidity(errorsAt(form, "application"))}
        aria-describedby="ceph-application-hint ceph-application-error"
        @change=${(event) => act.setViewValue("application", event.target.value)}>
        ${APPLICATIONS.map((one) => html`<option value=${one} ?selected=${one === form.values.application}>${one}</option>`)}
      </select>
      <div class="start-hint" id="ceph-application-hint">What the pool is used for; rbd is for images.</div>
      ${mistakes("ceph-application-error", errorsAt(form, "application"))}
    </div>
  `;
}

// Performance data.

function performanceBody(form, { ids }, act) {
  const { values, pools } = form;
  return html`
    ${alert(form.pools === null && form.error ? [form.error] : [])}
    <fieldset class="start-field scope">
      <legend class="form-label">Of which images</legend>
      ${ids.size === 0 ? nothing : scopeChoice("selected", selectedText([...ids]), values, act)}
      ${pools?.length ? scopeChoice("pool", html`All images of pool ${poolChoice(pools, values, act)}`, values, act) : nothing}
      ${scopeChoice("all", "All images of all pools", values, act)}
      ${mistakes("ceph-scope-error", [...errorsAt(form, "images"), ...errorsAt(form, "pools")])}
    </fieldset>
    ${field(form, "seconds", "For how many seconds", samplesHint(form), act, { isFirst: true, isNumber: true })}
    ${field(form, "interval_seconds", "Seconds from sample to sample", INTERVAL_HINT, act, { isNumber: true })}
    <p class="muted">This works while the images are in use, and adds almost no load to the cluster.</p>
  `;
}

function selectedText(paths) {
  return paths.length === 1 ? `Image ${isolated(namesIn(paths[0]))}` : `The ${number(paths.length)} selected images`;
}

function samplesHint(form) {
  const samples = samplesOf(form);
  const makes = samples === null ? "" : `; that makes ${counted(samples, "sample")}`;
  return `A number from 1 to 3,600${makes}.`;
}

function scopeChoice(scope, text, values, act) {
  return html`
    <label class="scope-choice">
      <input class="form-check-input" type="radio" name="scope" .checked=${live(values.scope === scope)}
        @change=${() => act.setViewValue("scope", scope)}><span>${text}</span>
    </label>
  `;
}

function poolChoice(pools, { pool }, act) {
  const choose = (event) => {
    act.setViewValue("pool", event.target.value);
    act.setViewValue("scope", "pool");
  };
  return html`
    <select class="form-select form-select-sm" aria-label="Pool" @change=${choose}>
      ${pools.map((one) => html`<option value=${one} ?selected=${one === pool}>${one}</option>`)}
    </select>
  `;
}
