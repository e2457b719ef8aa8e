/** What forms in dialogs have in common: where the focus goes, and how errors are shown. */

import { html, noChange, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { Directive, directive } from "/openattic/vendor/lit-html/directive.js";

const WRONG = "[aria-invalid=true]";

/**
 * Focuses the first field when the form appears in a dialog that is open already, and the first wrong field after each
 * refusal. It waits until the whole page is drawn.
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

/** Draws sentences about the whole form. */
export function alert(sentences) {
  if (sentences.length === 0) return nothing;
  const paragraphs = sentences.map((text) => html`<p>${text}</p>`);
  return html`<div class="alert alert-danger" role="alert">${paragraphs}</div>`;
}

export function invalidity(errors) {
  return errors.length > 0 ? "true" : "false";
}

/** Draws the errors of a field. The element always exists, so that the field can refer to it by its id. */
export function mistakes(id, errors) {
  return html`
    <div id=${id}>
      ${errors.map((text) => html`
        <p class="start-error"><i class="bi bi-exclamation-circle-fill" aria-hidden="true"></i><span>${text}</span></p>
      `)}
    </div>
  `;
}
