/** Headings that sort a table, a list of orderings for narrow screens, the search field, and the boxes that select rows. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { LONGEST_SEARCH } from "../../state/place.js";

/**
 * Draws a column's heading. A column has a `title`, a `kind` (for its looks), `by`, what the server sorts by (none: it cannot),
 * and `first`, the direction of a first click, "" or "-": what people look for comes first.
 */
export function heading({ title, kind, by, first }, ordering, sortBy) {
  if (!by) return html`<th scope="col" class=${`cell-${kind}`}>${title}</th>`;
  const isBy = ordering.replace("-", "") === by;
  const isDown = ordering.startsWith("-");
  const direction = isDown ? "descending" : "ascending";
  return html`
    <th scope="col" class=${`cell-${kind}`} aria-sort=${isBy ? direction : "none"}>
      <button class="sort" type="button" @click=${() => sortBy(nextOrdering(by, first, ordering))}>
        ${title}<i class=${`bi ${isBy ? (isDown ? "bi-arrow-down" : "bi-arrow-up") : "bi-arrow-down-up"}`} aria-hidden="true"></i>
      </button>
    </th>
  `;
}

function nextOrdering(by, first, ordering) {
  if (ordering === by) return `-${by}`;
  return ordering === `-${by}` ? by : `${first}${by}`;
}

export function sortChoice(columns, ordering, sortBy) {
  const options = columns.filter(({ by }) => by).flatMap(({ title, by, first }) => {
    const other = first === "-" ? "" : "-";
    return [[`${first}${by}`, title], [`${other}${by}`, `${title}, reversed`]];
  });
  return html`
    <label class="sort-choice">Sort by
      <select class="form-select form-select-sm" .value=${live(ordering)} @change=${(event) => sortBy(event.target.value)}>
        ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === ordering}>${text}</option>`)}
      </select>
    </label>
  `;
}

/** Draws the field that searches a table: Esc empties it; in an empty one, Esc has its usual effect. `error` is why the server
 * refused the search. */
export function searchField(id, text, error, search) {
  return html`
    <label class="search"><span class="visually-hidden">Search</span>
      <i class="bi bi-search" aria-hidden="true"></i>
      <input class="form-control form-control-sm" type="search" id=${id} placeholder="Search" autocomplete="off"
        spellcheck="false" maxlength=${LONGEST_SEARCH} aria-invalid=${error ? "true" : "false"}
        aria-describedby=${error ? `${id}-error` : nothing} .value=${live(text)}
        @input=${(event) => search(event.target.value)} @keydown=${(event) => clearSearch(event, search)}>
    </label>
    ${error ? html`<p class="search-error start-error" id=${`${id}-error`} role="alert">${error}</p>` : nothing}
  `;
}

function clearSearch(event, search) {
  if (event.key !== "Escape" || event.target.value === "") return;
  event.preventDefault();
  search("");
}

/** Draws the box that selects all rows. */
export function selectAll(isAll, isSome, click) {
  return html`
    <th scope="col" class="cell-select"><label class="select">
      <input class="form-check-input" type="checkbox" .checked=${live(isAll)} .indeterminate=${live(!isAll && isSome)} @click=${click}>
      <span>Select all</span>
    </label></th>
  `;
}

/** Draws the box that selects a row; `click` is called with whether Shift was held. */
export function selectOne(name, isSelected, isDisabled, click) {
  return html`
    <td class="cell-select"><label class="select">
      <input class="form-check-input" type="checkbox" aria-label=${`Select ${name}`} .checked=${live(isSelected)}
        ?disabled=${isDisabled} @click=${(event) => click(event.shiftKey)}>
    </label></td>
  `;
}

