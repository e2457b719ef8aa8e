/** Values as JSON that people can read and copy. Large ones are cut; those that are closed are not formatted at all. */

import { html, nothing, render } from "/openattic/vendor/lit-html/lit-html.js";
import { guard } from "/openattic/vendor/lit-html/directives/guard.js";
import { bytes } from "../../text/format.js";
import { readable } from "../../text/json.js";

const MOST_IN_VIEW = 256 * 1024;

/** Draws a button that copies what `makeText` returns when it is clicked. `what` names that for screen readers. */
export function copyButton(makeText, what, act, title = "Copy") {
  return html`
    <button class="btn btn-sm copy" type="button" aria-label=${`${title} ${what}`} @click=${() => act.copy(makeText())}>
      <i class="bi bi-copy" aria-hidden="true"></i> ${title}
    </button>
  `;
}

/** Draws preformatted text that scrolls within itself. */
export function textBlock(text, label) {
  return html`<pre class="text-block" role="region" tabindex="0" aria-label=${label}>${text}</pre>`;
}

/** Draws a value that is shown at once. `source` is the address of the whole value. */
export function jsonBlock(value, label, source) {
  return guard([value, label, source], () => {
    const { text, length } = readable(value, MOST_IN_VIEW);
    return html`${textBlock(text, label)}${length > text.length ? cutNote(length, source) : nothing}`;
  });
}

function cutNote(length, source) {
  return html`
    <p class="muted json-note">
      The first ${bytes(MOST_IN_VIEW)} of about ${bytes(length)}.
      <a href=${source} target="_blank" rel="noopener">All of it</a>
    </p>
  `;
}

/** Draws a value behind `summary`; it is formatted only while it is open. */
export function jsonDetails(value, summary, label, source, act) {
  return html`<hourglass-json .shown=${{ value, summary, label, source, act }}></hourglass-json>`;
}

class JsonDetails extends HTMLElement {
  #shown = null;
  #isOpen = false;

  set shown(shown) {
    this.#shown = shown;
    this.#render();
  }

  #toggled = (event) => {
    this.#isOpen = event.target.open;
    this.#render();
  };

  #render() {
    const { value, summary, label, source, act } = this.#shown;
    const copy = copyButton(() => readable(value).text, label, act);
    render(html`
      <details @toggle=${this.#toggled}>
        <summary>${summary}</summary>
        ${this.#isOpen ? html`${jsonBlock(value, label, source)}${copy}` : nothing}
      </details>
    `, this);
  }
}

customElements.define("hourglass-json", JsonDetails);
