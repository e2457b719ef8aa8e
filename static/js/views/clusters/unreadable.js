/** The pools whose images are missing in a list or a result: which ones, why, and what to do about it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { counted, number } from "../../text/format.js";
import { named } from "../parts/names.js";

/** A longer list is collapsed, so that the rows that could be read are in view. */
const MOST_OPEN = 3;
const ADVICE = {
  inactive: html`Some of its placement groups are inactive: <code>ceph health detail</code> shows which, and why.`,
  "not permitted": html`The key in config.ini may not read it. If it should, add <code>profile rbd</code> for this pool to the OSD
    capabilities of the key.`,
  failed: html`Each refresh tries again; <code>ceph health detail</code> may say more.`,
};

/** `missing(its)` completes the title: `cannot be read: its images may be missing here`. */
export function unreadableView(pools, missing) {
  if (pools.length === 0) return nothing;
  const isOne = pools.length === 1;
  const title = `${counted(pools.length, "pool")} ${missing(isOne ? "its" : "their")}`;
  const isOpen = pools.length <= MOST_OPEN;
  return html`
    <section class="unreadable" aria-label=${title}>
      <details ?open=${isOpen}>
        <summary>
          <i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i> ${title}
          ${isOpen ? nothing : html`<span class="unreadable-counts">${countsText(pools)}</span>`}
        </summary>
        <ul>${pools.map(onePool)}</ul>
      </details>
    </section>
  `;
}

/** Returns `3 not permitted, 1 inactive`. */
function countsText(pools) {
  const states = [...new Set(pools.map(({ state }) => state))];
  const countOf = (one) => number(pools.filter(({ state }) => state === one).length);
  return states.map((state) => `${countOf(state)} ${state}`).join(", ");
}

function onePool({ pool, state, text }) {
  return html`
    <li>
      <p><strong>${named(pool)}</strong> <span class="unreadable-state">${state}</span></p>
      <p class="unreadable-words">${named(text)}</p>
      ${state in ADVICE ? html`<p class="muted">${ADVICE[state]}</p>` : nothing}
    </li>
  `;
}
