/** What the views of a cluster have in common: the choice of a cluster, its health, the age of the data, and the
 * table's frame. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";
import { clusterOf } from "../../state/clusters/clusters.js";
import { isAnswered, pagesOf } from "../../state/paged_list.js";
import { viewAt } from "../../state/place.js";
import { isolated } from "../../text/bidi.js";
import { capitalised, moment, number } from "../../text/format.js";
import { named } from "../parts/names.js";
import { extent, loading, pagedRows, problem } from "../parts/paged_list.js";
import { pagerView } from "../parts/pager.js";
import { searchField } from "../parts/sorting.js";
import { unreadableView } from "./unreadable.js";

const HEALTH = {
  HEALTH_OK: { icon: "bi-check-circle-fill", tone: "finished" },
  HEALTH_WARN: { icon: "bi-exclamation-triangle-fill", tone: "amber" },
  HEALTH_ERR: { icon: "bi-x-circle-fill", tone: "exception" },
};
const UNKNOWN = { icon: "bi-question-circle", tone: "waiting" };
const CONFIGURATION = '[ceph "main"]\nconf = /etc/ceph/ceph.conf';

/**
 * Draws a view, as in views.js. `parts` are specific to it: `table`, `tools` (for admins) and `sort` draw, `one` is what a row
 * is called; `none` is the sentence shown without any rows, `noneReadable` the one if some could not be read.
 */
export function clusterView(parts, state, act, now) {
  const { ceph, place } = state;
  const cluster = clusterOf(ceph, place.view);
  return html`
    <main class="home view" id="content">
      <div class="view-head">
        <h1 class="home-title">${viewAt(place).title}</h1>
        ${cluster === null ? nothing : html`
          <div class="cluster">${clusterChoice(ceph.clusters, cluster, act)}${health(cluster)}${age(ceph, cluster, now)}</div>
        `}
      </div>
      ${cluster === null ? beforeClusters(ceph, act) : html`${trouble(cluster, ceph, now)}${content(parts, state, cluster, act, now)}`}
    </main>
  `;
}

// The cluster and its health.

function clusterChoice(clusters, { name }, act) {
  if (clusters.length === 1) return html`<span class="cluster-name">Cluster <strong>${named(name)}</strong></span>`;
  return html`
    <label class="cluster-name">Cluster
      <select class="form-select form-select-sm" .value=${live(name)} @change=${(event) => act.chooseCluster(event.target.value)}>
        ${clusters.map((one) => html`<option value=${one.name} ?selected=${one.name === name}>${one.name}</option>`)}
      </select>
    </label>
  `;
}

function health({ health: word, health_text: text, reachable }) {
  if (word === null) return nothing;
  const { icon, tone } = HEALTH[word] ?? UNKNOWN;
  return html`
    <span class=${`cluster-health tone-${tone} ${reachable ? "" : "is-old"}`}>
      <span class="tone-text"><i class=${`bi ${icon}`} aria-hidden="true"></i> ${word}</span>
      ${text ? html`<span class="cluster-checks" title=${text}>${text}</span>` : nothing}
    </span>
  `;
}

function age({ list }, cluster, now) {
  const asOf = list?.asOf ?? cluster.as_of;
  if (asOf === null) return nothing;
  return html`<span class="cluster-age muted">as of <time datetime=${asOf}>${moment(asOf, now)}</time></span>`;
}

/** Draws what does not work, in the server's words. The last known data stays on the screen. */
function trouble({ name, reachable, error }, { list }, now) {
  if (!error) return nothing;
  const title = reachable ? `Cluster ${isolated(name)} is not fully working` : `Cluster ${isolated(name)} cannot be reached`;
  const isThere = list?.answered !== null && list !== null;
  return html`
    <div class=${`alert ${reachable ? "alert-warning" : "alert-danger"} trouble`} role="alert">
      <i class="bi bi-exclamation-triangle-fill" aria-hidden="true"></i>
      <div>
        <p><strong>${title}</strong></p>
        <p class="trouble-words">${capitalised(error)}</p>
        ${!reachable && isThere ? html`<p>The data shown was read at ${moment(list.asOf, now)}.</p>` : nothing}
      </div>
    </div>
  `;
}

function beforeClusters({ clusters, error }, act) {
  if (clusters !== null) return noCluster();
  return error ? problem(capitalised(error), act.reload) : loading();
}

function noCluster() {
  return html`
    <section class="home-card begin" aria-labelledby="no-cluster-title">
      <h2 id="no-cluster-title">No Ceph cluster is configured</h2>
      <p>Add one to <code>config.ini</code> and restart the server; its pools, images and tasks then appear here. For example:</p>
      <pre class="command" tabindex="0" role="region" aria-label="Example"><code>${CONFIGURATION}</code></pre>
      <p class="begin-more">
        To try it without a cluster of your own: <code>make ceph</code> starts a throw-away cluster, and <code>make run</code>
        connects to it.
      </p>
    </section>
  `;
}

// The table.

function content(parts, state, cluster, act, now) {
  const { ceph: { list }, place, role } = state;
  if (list === null) return nothing;
  const { title, keys } = list.view;
  return html`
    <section class="home-card view-card" aria-label=${title}>
      <div class="tools">
        ${role === "admin" ? parts.tools(state, act) : nothing}
        ${searchField(keys.search, place.view.search, list.searchError, act.searchView)}
        ${parts.sort(list, act)}
      </div>
      ${list.error && list.error !== cluster.error ? problem(capitalised(list.error), act.reload) : nothing}
      ${unreadableView(list.unreadable, (its) => `cannot be read: ${its} images may be missing here`)}
      ${rowsOf(parts, state, cluster, act, now)}
      <div class="view-foot">${pager(list, act)}</div>
    </section>
  `;
}

function rowsOf(parts, state, cluster, act, now) {
  const { ceph: { list } } = state;
  return pagedRows(list, list.results, {
    hasFailed: list.error !== "" || Boolean(cluster.error),
    table: () => parts.table(state, isAnswered(list), act, now),
    none: () => html`<div class="empty"><p>${list.unreadable.length > 0 ? parts.noneReadable : parts.none}</p></div>`,
    notFound: ({ search }) => `No ${parts.one} matches “${isolated(search)}”.`,
    search: act.searchView,
  });
}

function pager(list, act) {
  const { page, size } = list.query;
  const turns = { setSize: act.setViewSize, showPage: act.showViewPage };
  return pagerView({ page, size, pages: pagesOf(list), extent: extent(list.answered, list.results, number(list.count)) }, turns);
}
