/** What the pages of all lists have in common: what is shown instead of rows, and which rows these are. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { number } from "../../text/format.js";

/**
 * Draws the rows of a list (state/paged_list.js), or what is shown instead. `hasFailed`: the reason why there are none yet is
 * shown elsewhere. `table()` draws the rows, `none()` that there is nothing to list, `notFound(query)` returns the sentence
 * that nothing matches, and `search(text)` starts another search.
 */
export function pagedRows(list, rows, { hasFailed, table, none, notFound, search }) {
  if (list.searchError) return empty("This search was not run: see the message at the search field.", search);
  if (list.answered === null) return hasFailed ? nothing : loading();
  if (rows.length > 0) return table();
  return list.answered.search === "" ? none() : empty(notFound(list.answered), search);
}

function empty(text, search) {
  return html`
    <div class="empty">
      <p>${text}</p>
      <button class="btn btn-sm btn-outline-secondary" type="button" @click=${() => search("")}>Clear the search</button>
    </div>
  `;
}

export function loading() {
  return html`<p class="loading" role="status">Loading…</p>`;
}

/** Draws why a list could not be loaded. */
export function problem(text, tryAgain) {
  return html`
    <div class="alert alert-warning list-problem" role="alert">
      <span>${text}</span>
      <button class="btn btn-sm btn-outline-secondary" type="button" @click=${tryAgain}>Try again</button>
    </div>
  `;
}

/** Returns `51–100 of 3,000`: which rows these are of all that the `answered` query found; "" without any. */
export function extent(answered, rows, count) {
  if (answered === null || rows.length === 0) return "";
  const first = (answered.page - 1) * answered.size + 1;
  return `${number(first)}–${number(first + rows.length - 1)} of ${count}`;
}
