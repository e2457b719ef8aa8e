/** The pools whose images are missing in the list: which, why, and what to do about it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { number } from "../format.js";
import { named } from "./name.js";

/** More are behind a click: what can be read comes first. */
const MOST_OPEN = 3;
const ADVICE = {
  inactive: "Some of its placement groups serve nobody: ceph health detail says which, and why.",
  "not permitted": "The key of config.ini may not read it. If it should, give its OSD capabilities profile rbd for this pool.",
  failed: "Look at ceph health detail and at the log of the service. It is tried again with each look.",
};

export function unreadableView(pools) {
  if (pools.length === 0) return nothing;
  const title = pools.length === 1 ? "1 pool cannot be read: images of it may be missing here" : `${number(pools.length)} pools cannot be read: images of them may be missing here`;
  return html`
    <section class="unreadable" aria-labelledby="unreadable-title">
      <details ?open=${pools.length <= MOST_OPEN}>
        <summary><i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i> <span id="unreadable-title">${title}</span></summary>
        <ul>${pools.map(onePool)}</ul>
      </details>
    </section>
  `;
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
