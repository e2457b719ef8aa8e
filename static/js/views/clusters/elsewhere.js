/** The changes in clusters without a task: on Home with their progress, each with a button to follow it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { repeat } from "/openattic/vendor/lit-html/directives/repeat.js";
import { detailText } from "../../state/clusters/elsewhere.js";
import { isolated } from "../../text/bidi.js";
import { fullMoment, moment, number } from "../../text/format.js";
import { moreText } from "../../text/sentences.js";
import { named } from "../parts/names.js";
import { progressBar } from "../tasks/complete.js";

const MOST_CHANGES = 10;

/** Draws the changes (state/clusters/elsewhere.js), and `silence`, the sentence about clusters that do not answer. */
export function elsewhereCard({ rows, silence, hasSeveralClusters }, role, act, now) {
  const quiet = silence === "" ? nothing : html`<p class="elsewhere-silence">${silence}</p>`;
  if (rows.length === 0) return quiet;
  return html`
    <section class="home-card" aria-labelledby="elsewhere-title">
      <div class="home-card-head"><h2 id="elsewhere-title">Changes begun elsewhere</h2></div>
      <ul class="home-tasks" data-list="elsewhere">
        ${repeat(rows.slice(0, MOST_CHANGES), ({ key }) => key, (row) => changeRow(row, hasSeveralClusters, role, act, now))}
      </ul>
      ${rows.length > MOST_CHANGES ? html`<p class="elsewhere-more">${moreText(rows.length - MOST_CHANGES)}</p>` : nothing}
    </section>
    ${quiet}
  `;
}

function changeRow(row, hasSeveralClusters, role, act, now) {
  const detail = detailText(row, hasSeveralClusters);
  return html`
    <li class="home-task elsewhere">
      <div class="home-task-what">
        <div class="home-task-line">${row.to === null ? eventName(row) : poolName(row)}</div>
        <div class="status-line"><span class="status-text" title=${detail}>${detail}</span></div>
      </div>
      <div class="home-task-how">
        ${progressBar(row.percent, row.to === null ? isolated(row.text) : `PGs of pool ${isolated(row.pool)}`)}
        <div class="home-task-when elsewhere-when">
          <span>since <time datetime=${row.since} title=${fullMoment(row.since)}>${moment(row.since, now)}</time></span>
          ${role === "admin" && row.to !== null ? followButton(row, row.isFollowing, "#content h1", act) : nothing}
        </div>
      </div>
    </li>
  `;
}

function eventName({ text }) {
  return html`<span class="elsewhere-name" title=${text}>${named(text)}</span>`;
}

function poolName({ pool, from, to }) {
  return html`
    <span class="elsewhere-name" title=${pool}>Pool ${named(pool)}</span>
    <span class="elsewhere-pgs">${number(from)} → ${number(to)} PGs</span>
  `;
}

/** Draws the button. It disappears once there is a task; `then` is the selector of the element that gets the focus
 * after that. */
export function followButton({ fsid, id, pool }, isFollowing, then, act) {
  return html`
    <button class="btn btn-sm btn-outline-secondary follow" type="button" data-then=${then}
      aria-disabled=${isFollowing ? "true" : "false"} aria-label=${`Follow pool ${isolated(pool)}`}
      title="Creates a task that follows this until all PGs are in place" @click=${() => act.followPool(fsid, id)}>Follow</button>
  `;
}
