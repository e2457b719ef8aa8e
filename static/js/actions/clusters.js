/** Actions on clusters: views, forms, and following changes begun elsewhere; actions.js describes their context. */

import { saveFile } from "../browser/download.js";
import * as api from "../server/api.js";
import * as change from "../state/clusters/changes.js";
import * as clusters from "../state/clusters/clusters.js";
import { csvOf, toggled } from "../state/clusters/curves.js";
import { followBegan, followEnded, poolKey } from "../state/clusters/elsewhere.js";
import * as forms from "../state/clusters/forms.js";
import { HOME, atView } from "../state/place.js";

export function clusterActions(context, preferPageSize) {
  return { ...viewActions(context, preferPageSize), ...curveActions(context), ...formActions(context), ...sendActions(context), ...followActions(context) };
}

/** Changes what is open within the view. */
function goInView({ place, go }, changes, how) {
  go({ ...place(), view: { ...place().view, ...changes } }, how);
}

function closeForm(context) {
  if (context.place().view?.form) goInView(context, { form: null, pool: null });
}

function viewActions(context, preferPageSize) {
  const { react, go, place } = context;
  const view = () => place().view;
  const goTo = (changes, how) => goInView(context, changes, how);

  return {
    chooseCluster: (name) => go({ ...HOME, view: { ...atView(view().name, name), size: view().size } }),
    searchView: (search) => goTo({ search, page: 1 }, "replaceState"),
    sortViewBy: (ordering) => goTo({ ordering, page: 1 }),
    showViewPage: (page) => goTo({ page }),
    setViewSize(size) {
      preferPageSize(size);
      goTo({ size: null, page: 1 });
    },
    clickImage: (path, withShift) => react(change.imageClicked, path, withShift),
    clickAllImages: () => react(change.allImagesClicked),
  };
}

function curveActions({ go, place }) {
  const draw = (changes) => go({ ...place(), curves: { ...place().curves, ...changes } }, "replaceState");

  return {
    draw,
    drawImage: (drawn, path) => draw({ images: toggled(drawn, path) }),
    saveCsv: (data, name) => saveFile(csvOf(data), "text/csv", name),
  };
}

function formActions(context) {
  const { getState, update, react, failed } = context;
  const form = () => getState().ceph.form;
  const open = (name, pool = null) => goInView(context, { form: name, pool });

  /** Requests the impact of the number in the form, one request at a time. */
  async function consider() {
    const asked = form();
    const text = forms.toConsider(asked);
    if (text === null || asked.isAsking) return;
    update(change.withViewForm, asked, (one) => ({ ...one, isAsking: true }));
    try {
      const preflight = await api.considerPgs(asked.fsid, asked.poolId, Number(text));
      update(change.withViewForm, asked, forms.considered, text, preflight);
    } catch (problem) {
      failed(problem, (words) => update(change.withViewForm, asked, forms.notConsidered, text, words));
    }
    update(change.withViewForm, asked, (one) => ({ ...one, isAsking: false }));
    consider();
  }

  return {
    openPgsForm: (pool) => open("pgs", pool),
    openPoolForm: () => open("create"),
    openPerformanceForm() {
      const hasSelection = getState().ceph.selection.ids.size > 0;
      open("performance");
      if (hasSelection) react(change.withViewForm, form(), forms.scoped, "selected");
    },
    closeViewForm: () => closeForm(context),
    setViewValue(name, value) {
      react(change.withViewForm, form(), forms.valueSet, name, value);
      consider();
    },
    consider,
  };
}

/** Sends what the open form asks for. */
function sendActions(context) {
  const { getState, react, failed } = context;
  const form = () => getState().ceph.form;

  /** Sends a form. On success closes it and passes the answer to `show`; otherwise the form shows the server's errors. */
  async function send(one, ask, show) {
    react(change.withViewForm, one, forms.began);
    try {
      const answer = await ask();
      if (change.isSameForm(form(), one)) closeForm(context);
      show(answer);
    } catch (problem) {
      failed(problem, () => react(change.withViewForm, one, forms.refused, problem));
    }
  }

  return {
    setPgs() {
      const one = form();
      if (!forms.maySet(one)) return;
      const set = () => api.setPgs(one.fsid, one.poolId, Number(one.values.pg_num));
      send(one, set, (pool) => react(change.withCeph, clusters.withPool, pool));
    },
    createPool() {
      const one = form();
      if (one.busy) return;
      const show = (pool) => react(change.withCeph, clusters.withPool, pool, true);
      send(one, () => api.createPool(one.fsid, forms.newPool(one)), show);
    },
    getPerformance() {
      const one = form();
      if (one.busy) return;
      const wanted = forms.measurement(one, [...getState().ceph.selection.ids]);
      send(one, () => api.getPerformance(one.fsid, wanted), (task) => react(change.withCeph, clusters.withTasks, [task]));
    },
  };
}

function followActions({ getState, react, attempt }) {
  function isListed(fsid) {
    const query = getState().ceph.list?.query;
    return query?.view === "pools" && query.fsid === fsid;
  }

  return {
    /** Starts a task that follows a pool's change begun elsewhere. */
    async followPool(fsid, poolId) {
      const key = poolKey(fsid, poolId);
      if (getState().elsewhere.following.has(key)) return;
      react(change.withElsewhere, followBegan, key);
      const pool = await attempt("Could not follow the pool", () => api.followPool(fsid, poolId));
      react(change.withElsewhere, followEnded, key, pool !== null);
      if (pool !== null && isListed(fsid)) react(change.withCeph, clusters.withPool, pool);
    },
  };
}
