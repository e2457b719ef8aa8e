/** The line below a table: how many rows a page has, which rows these are, and buttons for other pages. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";
import { PAGE_SIZES } from "../../text/statuses.js";

/** Draws the line. `pages` is the number of pages, or null if it is not known; `extent` says which rows these are. */
export function pagerView({ page, size, pages, extent }, { setSize, showPage }) {
  const isLast = pages !== null && page >= pages;
  return html`
    <div class="pager">
      <label class="page-size">Entries per page
        <select class="form-select form-select-sm" @change=${(event) => setSize(Number(event.target.value))}>
          ${PAGE_SIZES.map((one) => html`<option value=${one} ?selected=${one === size}>${one}</option>`)}
        </select>
      </label>
      <span class="muted extent">${extent}</span>
      <nav class="pages" aria-label="Pages">
        ${pageButton("bi-chevron-double-left", "First page", page > 1, () => showPage(1))}
        ${pageButton("bi-chevron-left", "Previous page", page > 1, () => showPage(page - 1))}
        ${pageButton("bi-chevron-right", "Next page", !isLast, () => showPage(page + 1))}
        ${pageButton("bi-chevron-double-right", "Last page", !isLast && pages !== null, () => showPage(pages))}
      </nav>
    </div>
  `;
}

function pageButton(icon, title, isThere, click) {
  return html`
    <button class="btn btn-sm page-button" type="button" aria-label=${title} title=${title} ?disabled=${!isThere}
      @click=${click}><i class=${`bi ${icon}`} aria-hidden="true"></i></button>
  `;
}
