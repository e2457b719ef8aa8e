/** Serves what the state asks for of clusters: which there are, the rows of the open view, their tasks, its form. */

import * as api from "./api.js";
import * as ceph from "../state/clusters/clusters.js";
import * as forms from "../state/clusters/forms.js";
import { keepAsking, keepLists } from "./loader.js";
import * as change from "../state/state.js";
import { MEASURES_IMAGES } from "../state/clusters/cluster_views.js";

const CLUSTERS_MILLISECONDS = 5000;
/** How often it is looked whether rows have become too old. */
const AGEING_MILLISECONDS = 1000;
const CONSIDERED_MILLISECONDS = 4000;
const MOST_POOLS = 500;

/**
 * Returns a function that is called whenever the state may have changed. `set(state)` changes it without a picture,
 * `isInRows()` says whether a person is in the rows, `consider()` asks what the number of the open form would mean.
 */
export function serveClusters({ getState, set, update, failed, isInRows, consider }) {
  const isSeen = () => change.isViewSeen(getState());
  const list = () => getState().ceph.list;
  let lookedUp = null;

  const serveList = keepLists({
    visible: () => (isSeen() && list() !== null ? ["view"] : []),
    getList: list,
    isHeld: () => false,
    load: loadRows,
    retry: () => update(change.withCeph, ceph.reloadAsked),
  });
  const serveNames = keepAsking(loadClusters, isSeen, CLUSTERS_MILLISECONDS);
  const serveAge = keepAsking(
    async () => update(change.withCeph, ceph.aged, performance.now()),
    () => isSeen() && list() !== null,
    AGEING_MILLISECONDS,
  );
  const serveConsidered = keepAsking(considerAgain, () => isSeen() && hasNumber(), CONSIDERED_MILLISECONDS);

  async function loadClusters() {
    try {
      update(change.withClusters, await api.listClusters());
    } catch (problem) {
      failed(problem, (text) => update(change.withCeph, ceph.withError, text));
    }
  }

  async function loadRows() {
    set(change.viewLoadBegan(getState()));
    const { query, loading: { number } } = list();
    try {
      const page = await api.listOfCluster(query);
      update(change.withViewAnswer, number, page, isInRows(), performance.now());
      await loadTasks(query);
    } catch (problem) {
      failed(problem, (text) => update(change.withCeph, ceph.loadFailed, number, text, problem.errors));
    }
  }

  /** Frames tell of tasks that change; this is for those that have not since the view was opened. */
  async function loadTasks({ view }) {
    if (view === "images") update(change.withCeph, ceph.withTasks, await api.pendingOf(MEASURES_IMAGES));
    const unknown = ceph.unknownTasks(getState().ceph);
    if (unknown.length > 0) update(change.withCeph, ceph.withTasks, (await Promise.all(unknown.map(taskOrNone))).flat());
  }

  /** One may have been deleted since. */
  async function taskOrNone(id) {
    try {
      return [await api.getTask(id)];
    } catch (problem) {
      failed(problem, () => {});
      return [];
    }
  }

  function hasNumber() {
    const { form } = getState().ceph;
    return form?.kind === "pgs" && form.pool !== null && !form.busy;
  }

  async function considerAgain() {
    update(change.withCeph, (one) => ({ ...one, form: forms.askedAgain(one.form) }));
    consider();
  }

  /** What a form has to know before it can be filled in. */
  async function serveForm() {
    const { form } = getState().ceph;
    if (form === null || !forms.isLacking(form) || change.isSameForm(lookedUp, form)) return;
    lookedUp = form;
    try {
      await (form.kind === "pgs" ? lookUpPool(form) : lookUpPools(form));
    } catch (problem) {
      failed(problem, (text) => update(change.withViewForm, form, (one) => ({ ...one, error: text })));
    }
    lookedUp = null;
  }

  async function lookUpPool(form) {
    const pool = await api.getPool(form.fsid, form.poolId);
    update(change.withViewForm, form, forms.withPool, pool);
  }

  async function lookUpPools(form) {
    const query = { view: "pools", fsid: form.fsid, search: "", ordering: "name", page: 1, size: MOST_POOLS };
    const { results } = await api.listOfCluster(query);
    update(change.withViewForm, form, forms.withPools, results);
  }

  return () => {
    serveNames();
    serveList();
    serveAge();
    serveForm();
    serveConsidered();
  };
}
