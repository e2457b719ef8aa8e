/** What the pages of all lists have in common: what stands in place of the rows, and which rows these are. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { number } from "../../text/format.js";

/**
 * Returns the rows of a list (state/paged_list.js), or what stands in their place. `hasFailed`: why there are none yet is said
 * elsewhere. `table()` draws the rows, `none()` that there is nothing to list, `notFound(query)` is the sentence that nothing
 * matches, and `search(text)` searches anew.
 */
export function pagedRows(list, rows, { hasFailed, table, none, notFound, search }) {
  if (list.searchError) return empty("Nothing was searched for: see what is said at the field.", search);
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

/** Why a list could not be loaded. */
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
