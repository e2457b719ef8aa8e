/** A field in which people search and choose by name, with the mouse or keys; other text is used as typed. */

import { html, noChange, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { Directive, directive } from "/openattic/vendor/lit-html/directive.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { choicesText, isChosen, sentChoice, shownChoice, shownItems } from "../../state/tasks/choosing.js";
import { isolated } from "../../text/bidi.js";
import { named } from "../parts/names.js";

/** Draws the field. `control` is what all controls of the form get (start.js); `form` has the form, its job and its fields. */
export function choosableControl(field, control, form, act) {
  const { start } = form;
  const isOpen = start.choosing?.field === field.name;
  const results = isOpen ? (start.choosing.found?.results ?? []) : [];
  const at = isOpen ? start.choosing.at : -1;
  const listId = `${control.id}-choices`;
  return html`
    ${field.kind === "list" ? itemsView(field, control, start, act) : nothing}
    <div class="choosable">
      <input class="form-control" type="text" id=${control.id} role="combobox" dir="auto" ?autofocus=${control.isFirst}
        autocapitalize="off" autocomplete="off" spellcheck="false" aria-autocomplete="list"
        aria-expanded=${results.length > 0 ? "true" : "false"} aria-controls=${results.length > 0 ? listId : nothing}
        aria-activedescendant=${at < 0 ? nothing : `${listId}-${at}`}
        aria-required=${field.kind === "list" ? nothing : control.isRequired} aria-invalid=${control.isInvalid}
        aria-describedby=${control.about} .value=${live(shownChoice(start, field))}
        @input=${(event) => act.typeChoice(field, event.target.value)}
        @click=${() => isOpen || act.openChoices(field)}
        @keydown=${(event) => pressed(event, field, start, results, act)}
        @paste=${(event) => pasted(event, field, act)}
        @blur=${() => isOpen && act.leaveChoices(field)}>
      <button class="choosable-toggle" type="button" tabindex="-1" aria-label="Show what can be chosen"
        @mousedown=${stay} @click=${(event) => toggled(event, isOpen, field, act)}>
        <i class="bi bi-chevron-down" aria-hidden="true"></i>
      </button>
      ${isOpen ? popup(field, listId, results, at, form, act) : nothing}
      <div class="visually-hidden" role="status">${isOpen ? choicesText(start, [form.job], form.fields, field) : ""}</div>
    </div>
    ${sentView(sentChoice(start, field))}
  `;
}

function sentView(value) {
  return value === "" ? nothing : html`<p class="choosable-sent">Sent as <code>${named(value)}</code></p>`;
}

/** Keeps the focus in the field while something is clicked. */
function stay(event) {
  event.preventDefault();
}

function toggled(event, isOpen, field, act) {
  event.currentTarget.parentElement.querySelector("input").focus();
  isOpen ? act.closeChoices() : act.openChoices(field);
}

// Keys.

function pressed(event, field, start, results, act) {
  const isOpen = start.choosing?.field === field.name;
  const answer = keysOf(event, field, start, results, act, isOpen)[event.key] ?? null;
  if (event.isComposing || answer === null) return;
  event.preventDefault();
  event.stopPropagation();
  answer();
}

/** Returns what each key does; null if it has its usual effect. */
function keysOf({ altKey, ctrlKey, metaKey }, field, start, results, act, isOpen) {
  const at = isOpen ? start.choosing.at : -1;
  const typed = field.kind === "list" && (start.typed[field.name] ?? "").trim() !== "";
  const move = (step) => (isOpen && results.length > 0 ? act.moveChoice(step) : act.openChoices(field));
  return {
    ArrowDown: () => move(1),
    ArrowUp: altKey && isOpen ? act.closeChoices : () => move(-1),
    Escape: isOpen ? act.closeChoices : null,
    Enter: ctrlKey || metaKey ? null : entered(field, results[at], typed, isOpen, act),
  };
}

/** Returns what Enter does: it takes the highlighted choice, or what was typed. Another Enter then starts the task. */
function entered(field, choice, hasTyped, isOpen, act) {
  if (choice !== undefined) return () => act.choose(field, choice);
  if (hasTyped) return () => act.addTyped(field);
  return isOpen ? () => act.leaveChoices(field) : null;
}

/** Adds pasted lines as items: an <input> would join them into one. */
function pasted(event, field, act) {
  const lines = event.clipboardData.getData("text/plain").split(/\r\n?|\n/);
  if (field.kind !== "list" || lines.length === 1) return;
  event.preventDefault();
  act.addLines(field, lines);
}

// What can be chosen.

function popup(field, listId, results, at, { start, job, fields }, act) {
  return html`
    <div class="offers" @mousedown=${stay} ${inView(".is-at", at, start.choosing.found)}>
      ${results.length === 0 ? nothing : html`
        <ul class="offers-list" role="listbox" id=${listId} aria-label="Choices"
          aria-multiselectable=${field.kind === "list" ? "true" : nothing}>
          ${repeat(results, ({ value }) => JSON.stringify(value), (choice, index) =>
            option(choice, `${listId}-${index}`, index === at, isChosen(start, field, choice), () => act.choose(field, choice)))}
        </ul>`}
      <p class="offers-foot" aria-hidden="true">${choicesText(start, [job], fields, field)}</p>
    </div>
  `;
}

function option({ name, detail }, id, isAt, isTaken, choose) {
  return html`
    <li class=${`offer ${isAt ? "is-at" : ""}`} role="option" id=${id} aria-selected=${isTaken ? "true" : "false"} @click=${choose}>
      <span class="offer-mark">${isTaken ? html`<i class="bi bi-check-lg" aria-hidden="true"></i>` : nothing}</span>
      <span class="offer-name">${named(name)}</span>
      ${detail ? html`<span class="offer-detail">${named(detail)}</span>` : nothing}
    </li>
  `;
}

/** Scrolls to what has opened, is highlighted or was added, but not back to it when a person scrolls away. */
class InView extends Directive {
  shown = null;

  render() {
    return nothing;
  }

  /** Scrolls once everything is drawn, and only if one of the `shown` values has changed. */
  update({ element }, [selector, ...shown]) {
    const isSame = this.shown !== null && shown.every((one, at) => one === this.shown[at]);
    this.shown = shown;
    if (!isSame) queueMicrotask(() => (element.querySelector(selector) ?? element).scrollIntoView({ block: "nearest" }));
    return noChange;
  }
}

const inView = directive(InView);

// The items of a list.

function itemsView(field, { id }, start, act) {
  const items = shownItems(start, field);
  if (items.length === 0) return nothing;
  const remove = (index) => {
    act.removeItem(field, index);
    document.getElementById(id).focus();
  };
  return html`
    <ul class="picked" aria-label="Chosen" ${inView(":scope > :last-child", items.length)}>
      ${items.map((item, index) => html`
        <li class="picked-item">
          <span class="picked-name" title=${item}>${named(item)}</span>
          <button class="picked-remove" type="button" aria-label=${`Remove ${isolated(item)}`} @click=${() => remove(index)}>
            <i class="bi bi-x-lg" aria-hidden="true"></i>
          </button>
        </li>`)}
    </ul>
  `;
}
