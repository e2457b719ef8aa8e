/** What is below the bar: how things stand, and how to begin. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { number, percent } from "../format.js";
import { TABS, countOf } from "../statuses.js";
import { tasks } from "../words.js";

export function home(state) {
  return html`
    <h1 class="home-title">${title(state.counts)}</h1>
    <p class="lead">${lead(state)}</p>
    ${state.counts === null ? nothing : html`<dl class="tiles">${Object.keys(TABS).map((tab) => tile(tab, state.counts))}</dl>`}
    ${state.role === "admin" ? howToBegin(state) : nothing}
  `;
}

function title(counts) {
  if (counts === null) return "Hourglass";
  const pending = countOf("pending", counts);
  return pending === 0 ? "All is quiet" : `${tasks(pending)} pending`;
}

function lead({ counts, pendingPercent }) {
  if (counts === null) return "Looking how things stand…";
  if (countOf("pending", counts) === 0) return "Nothing is waiting and nothing is running.";
  return `Done to ${percent(pendingPercent)} in average. The hourglass at the top right opens the list.`;
}

function tile(tab, counts) {
  return html`<div class="tile" data-tab=${tab}><dt>${TABS[tab].title}</dt><dd>${number(countOf(tab, counts))}</dd></div>`;
}

function howToBegin({ user }) {
  return html`
    <section class="begin" aria-labelledby="begin-title">
      <h2 id="begin-title">How to begin</h2>
      <p>Tasks are started through the REST interface. This one counts to five, one round after the other:</p>
      <pre class="command" tabindex="0"><code>curl -u ${user} --json '{"times": 5}' \\
  ${location.origin}/openattic/api/taskqueue/test_task</code></pre>
    </section>
  `;
}
