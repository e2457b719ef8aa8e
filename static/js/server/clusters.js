/** Loads what the views of a cluster need: the clusters, the rows, their tasks, and what the open form has to know. */

import * as change from "../state/clusters/changes.js";
import * as clusters from "../state/clusters/clusters.js";
import * as forms from "../state/clusters/forms.js";
import * as api from "./api.js";
import { askRepeatedly, loadLists } from "./loader.js";

const CLUSTERS_MILLISECONDS = 5000;
/** How often to check whether the rows have become too old. */
const AGEING_MILLISECONDS = 1000;
const CONSIDERED_MILLISECONDS = 4000;
const MOST_POOLS = 500;

/** Returns a function to call whenever the state may have changed, like all needs (needs.js). */
export function serveClusters(context) {
  const needs = [serveNames, serveRows, serveAge, serveForm, serveConsidered].map((need) => need(context));
  return () => needs.forEach((serve) => serve());
}

function serveNames({ getState, update, failed }) {
  async function load() {
    try {
      update(change.withClusters, await api.listClusters());
    } catch (problem) {
      failed(problem, (text) => update(change.withCeph, clusters.withError, text));
    }
  }

  return askRepeatedly(load, () => change.isViewSeen(getState()), CLUSTERS_MILLISECONDS);
}

function serveRows({ getState, set, update, failed, isInRows }) {
  const list = () => getState().ceph.list;

  async function load() {
    set(change.viewLoadBegan(getState()));
    const { query, view, loading: { number } } = list();
    try {
      const page = await api.listOfCluster(view.state.path, query);
      update(change.withViewAnswer, number, page, isInRows(), performance.now());
      await loadTasks(view);
    } catch (problem) {
      failed(problem, (text) => update(change.withCeph, clusters.loadFailed, number, text, problem.errors));
    }
  }

  /** Frames bring the tasks that change; this loads those that have not changed since the view was opened. */
  async function loadTasks({ state: { measuredBy } }) {
    if (measuredBy !== null) update(change.withCeph, clusters.withTasks, await api.pendingOf(measuredBy));
    const unknown = clusters.unknownTasks(getState().ceph);
    if (unknown.length > 0) update(change.withCeph, clusters.withTasks, (await Promise.all(unknown.map(taskOrNone))).flat());
  }

  /** Returns a list with the task, or an empty one if it has been deleted since. */
  async function taskOrNone(id) {
    try {
      return [await api.getTask(id)];
    } catch (problem) {
      failed(problem, () => {});
      return [];
    }
  }

  return loadLists({
    visible: () => (change.isViewSeen(getState()) && list() !== null ? ["view"] : []),
    getList: list,
    isHeld: () => false,
    load,
    retry: () => update(change.withCeph, clusters.reloadAsked),
  });
}

function serveAge({ getState, update }) {
  const age = async () => update(change.withCeph, clusters.aged, performance.now());
  return askRepeatedly(age, () => change.isViewSeen(getState()) && getState().ceph.list !== null, AGEING_MILLISECONDS);
}

/** Loads what a form has to know before it can be filled in. */
function serveForm({ getState, update, failed }) {
  let lookedUp = null;

  async function lookUpPool(form) {
    const pool = await api.getPool(form.fsid, form.poolId);
    update(change.withViewForm, form, forms.withPool, pool);
  }

  async function lookUpPools(form) {
    const query = { fsid: form.fsid, search: "", ordering: "name", page: 1, size: MOST_POOLS };
    const { results } = await api.listOfCluster("pools", query);
    update(change.withViewForm, form, forms.withPools, results);
  }

  return async () => {
    const { form } = getState().ceph;
    if (form === null || !forms.isLacking(form) || change.isSameForm(lookedUp, form)) return;
    lookedUp = form;
    try {
      await (form.kind === "pgs" ? lookUpPool(form) : lookUpPools(form));
    } catch (problem) {
      failed(problem, (text) => update(change.withViewForm, form, (one) => ({ ...one, error: text })));
    }
    lookedUp = null;
  };
}

/** Requests the impact of the number in the form again and again, as long as the form is open. */
function serveConsidered({ getState, update, consider }) {
  function hasNumber() {
    const { form } = getState().ceph;
    return form?.kind === "pgs" && form.pool !== null && !form.busy;
  }

  async function askAgain() {
    update(change.withCeph, (one) => ({ ...one, form: forms.askedAgain(one.form) }));
    consider();
  }

  return askRepeatedly(askAgain, () => change.isViewSeen(getState()) && hasNumber(), CONSIDERED_MILLISECONDS);
}
