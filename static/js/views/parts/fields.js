/** What forms in dialogs have in common: where the focus is, and how mistakes are shown. */

import { html, noChange, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { Directive, directive } from "/openattic/vendor/lit-html/directive.js";

const WRONG = "[aria-invalid=true]";

/**
 * Puts the focus where it belongs when the form appears in a dialog that is open already, and after each refusal on
 * the first wrong field. It waits until all of the page is drawn.
 */
class Care extends Directive {
  refusals = 0;
  isNew = true;

  render() {
    return nothing;
  }

  update({ element }, [refusals]) {
    if (this.isNew) queueMicrotask(() => focusFirst(element));
    if (refusals > this.refusals) queueMicrotask(() => focusWrong(element));
    this.isNew = false;
    this.refusals = refusals;
    return noChange;
  }
}

export const care = directive(Care);

function focusFirst(element) {
  if (element.closest("dialog")?.open) element.querySelector("[autofocus]")?.focus();
}

function focusWrong(element) {
  for (const wrong of element.querySelectorAll(`details ${WRONG}`)) wrong.closest("details").open = true;
  element.querySelector(WRONG)?.focus();
}

/** Sentences about all of a form. */
export function alert(sentences) {
  if (sentences.length === 0) return nothing;
  const paragraphs = sentences.map((text) => html`<p>${text}</p>`);
  return html`<div class="alert alert-danger" role="alert">${paragraphs}</div>`;
}

export function invalidity(errors) {
  return errors.length > 0 ? "true" : "false";
}

/** Its place is always there, so that what it describes can name it. */
export function mistakes(id, errors) {
  return html`
    <div id=${id}>
      ${errors.map((text) => html`
        <p class="start-error"><i class="bi bi-exclamation-circle-fill" aria-hidden="true"></i><span>${text}</span></p>
      `)}
    </div>
  `;
}
