/** The pools whose images are missing in a list or a result: which, why, and what to do about it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { counted, number } from "../../text/format.js";
import { named } from "../parts/names.js";

/** More are behind a click: what can be read comes first. */
const MOST_OPEN = 3;
const ADVICE = {
  inactive: html`Some of its placement groups serve nobody: <code>ceph health detail</code> says which, and why.`,
  "not permitted": html`The key of config.ini may not read it. If it should, its OSD capabilities need <code>profile rbd</code> for this
    pool.`,
  failed: html`It is tried again with each look; <code>ceph health detail</code> may say more.`,
};

/** `missing` completes the title: `images of it may be missing here`. */
export function unreadableView(pools, missing) {
  if (pools.length === 0) return nothing;
  const isOne = pools.length === 1;
  const title = `${counted(pools.length, "pool")} ${missing(isOne ? "it" : "them")}`;
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
