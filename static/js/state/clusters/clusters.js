/**
 * What the page knows of clusters, as `state.ceph`. Pure.
 *
 * `clusters` as the server lists them (null: not known yet). `list` is the page of pools or images on the screen, null
 * while no view is open or its cluster is not known: `results` are its rows, `asOf` is when the server read them, `answeredAt`
 * when they arrived here, `unreadable` are pools whose images are missing; the rest is as in paged_list.js. `list.view` is the
 * view that it belongs to (views.js). `tasks` are those that concern the rows, by id. `selection` are images by their path,
 * `created` the name of the pool that was created here. `form` is the one that is open over the view (forms.js).
 */

import { isPending } from "../../text/statuses.js";
import * as paged from "../paged_list.js";
import { NOTHING, limitedTo } from "../selection.js";
import { formFor } from "./forms.js";
import { CLUSTER_JOBS } from "./jobs.js";

/** How old the rows may become: while something changes, and otherwise. */
const CHANGING_MILLISECONDS = 2000;
const STILL_MILLISECONDS = 10000;

const NOTHING_KNOWN = Object.freeze({
  clusters: null,
  error: "",
  list: null,
  tasks: new Map(),
  selection: NOTHING,
  created: null,
  form: null,
});

/** `state.ceph`, as in state.js. */
export const slice = { name: "ceph", initial: NOTHING_KNOWN, arranged, withFrame, withGap: reloadAsked, retried };

/** Adapts the slice to the open `view`: one of a cluster, or another one. */
function arranged(ceph, { place, preferences, role }, view) {
  if (view.state.slice !== slice) return { ...NOTHING_KNOWN, clusters: ceph.clusters };
  const list = following(ceph.list, queryOf(place.view, view, clusterOf(ceph, place.view), preferences.pageSize), view);
  const isSameList = paged.isSame(list?.query ?? null, ceph.list?.query ?? null);
  return {
    ...ceph,
    list,
    selection: isSameList ? ceph.selection : NOTHING,
    form: role === "admin" ? formFor(ceph.form, place.view, list) : null,
  };
}

/** Returns the cluster that was chosen, or the first one, even if that one cannot be reached. */
export function clusterOf({ clusters }, { cluster }) {
  return clusters?.find(({ name }) => name === cluster) ?? clusters?.[0] ?? null;
}

function queryOf(at, view, cluster, preferredSize) {
  if (!cluster?.fsid) return null;
  return {
    view: view.name,
    fsid: cluster.fsid,
    search: at.search.trim(),
    ordering: at.ordering ?? view.place.ordering,
    page: at.page,
    size: at.size ?? preferredSize,
  };
}

/** Returns the same list as long as its query is the same; for another query of the same kind it keeps its rows until the new
 * ones arrive. */
function following(list, query, view) {
  if (query === null) return null;
  const isSameKind = list !== null && list.query.view === query.view && list.query.fsid === query.fsid;
  return isSameKind ? paged.asking(list, query) : paged.unanswered(query, { view, results: [], unreadable: [], asOf: null, answeredAt: 0 });
}

// Clusters.

/** Sets the clusters that the server lists; `arranged` then adapts the list. */
export function withClusters(ceph, clusters) {
  return { ...ceph, clusters, error: "" };
}

export function withError(ceph, error) {
  return { ...ceph, error };
}

// Loading.

export function loadBegan(ceph, number) {
  return { ...ceph, list: paged.loadBegan(ceph.list, { number }) };
}

/** Applies the answer to the last request. While a person is in the rows (`isHeld`), they keep their places. */
export function withAnswer(ceph, number, page, isHeld, now) {
  const { list } = ceph;
  if (!paged.isExpected(list, number)) return ceph;
  const keepsPlaces = isHeld && paged.isAnswered(list);
  const results = keepsPlaces ? inPlace(list.results, page.results, list.view.state.keyOf) : page.results;
  const { count, as_of: asOf, unreadable = [] } = page;
  return pruned({ ...ceph, list: paged.answeredWith(list, { results, count, asOf, unreadable, answeredAt: now }) });
}

function inPlace(before, now, key) {
  const places = new Map(before.map((row, at) => [key(row), at]));
  return now.toSorted((one, other) => (places.get(key(one)) ?? Infinity) - (places.get(key(other)) ?? Infinity) || 0);
}

export function loadFailed(ceph, number, error, errors) {
  return having(ceph, paged.loadFailed(ceph.list, number, error, errors));
}

/** Marks the rows as stale, so that they are loaded again. */
export function reloadAsked(ceph) {
  return ceph.list === null ? ceph : withList(ceph, { isStale: true, error: "" });
}

function retried(ceph) {
  return having(ceph, paged.retried(ceph.list));
}

export function aged(ceph, now) {
  const { list } = ceph;
  const isResting = list === null || list.isStale || list.loading !== null || list.error || list.searchError;
  return isResting || now - list.answeredAt < lasting(ceph) ? ceph : withList(ceph, { isStale: true });
}

function lasting({ list, tasks }) {
  return list.view.state.isChanging(list.results, tasks) ? CHANGING_MILLISECONDS : STILL_MILLISECONDS;
}

function having(ceph, list) {
  return list === ceph.list ? ceph : { ...ceph, list };
}

function withList(ceph, changes) {
  return { ...ceph, list: { ...ceph.list, ...changes } };
}

/** Drops tasks that have ended and selected images that are gone. */
function pruned(ceph) {
  const { list, tasks, selection } = ceph;
  const named = new Set(list.results.map(({ task }) => task));
  const remaining = [...tasks].filter(([id, { status }]) => isPending(status) || named.has(id));
  const { isSelectable, keyOf } = list.view.state;
  return {
    ...ceph,
    tasks: remaining.length === tasks.size ? tasks : new Map(remaining),
    selection: isSelectable ? limitedTo(selection, list.results.map(keyOf)) : NOTHING,
  };
}

// Tasks.

/** Returns the ids of tasks that still have to be loaded: those not known at all, and those with parameters too large for
 * lists. */
export function unknownTasks({ list, tasks }) {
  const named = (list?.results ?? []).map(({ task }) => task).filter((id) => Number.isInteger(id) && !tasks.has(id));
  const cut = [...tasks.values()].filter(({ params }) => params === null).map(({ id }) => id);
  return [...new Set([...named, ...cut])];
}

/** Adds tasks that the server reports; a known one that is newer stays, and so do known parameters that were left out. */
export function withTasks(ceph, news) {
  if (news.length === 0) return ceph;
  const tasks = new Map(ceph.tasks);
  for (const task of news) {
    const known = tasks.get(task.id);
    if (!(known?.revision > task.revision)) tasks.set(task.id, { ...task, params: task.params ?? known?.params ?? null });
  }
  return { ...ceph, tasks };
}

/** Applies a frame: updates the tasks that concern the view, and if one has begun or ended, marks the rows as stale. */
function withFrame(ceph, frame) {
  if (ceph.list === null) return ceph;
  const concerned = frame.tasks.filter(({ id, job }) => ceph.tasks.has(id) || CLUSTER_JOBS.includes(job));
  const moved = frame.transitions.filter(({ task }) => ceph.tasks.has(task) || concerned.some(({ id }) => id === task));
  const next = withoutDeleted(withTasks(moved.reduce(withTransition, ceph), concerned), frame.deleted);
  return moved.length > 0 ? withList(next, { isStale: true }) : next;
}

function withTransition(ceph, { task: id, to: status, revision }) {
  const known = ceph.tasks.get(id);
  if (known === undefined || known.revision >= revision) return ceph;
  return { ...ceph, tasks: new Map(ceph.tasks).set(id, { ...known, status, revision }) };
}

function withoutDeleted(ceph, deleted) {
  if (!deleted.some((id) => ceph.tasks.has(id))) return ceph;
  const tasks = new Map(ceph.tasks);
  for (const id of deleted) tasks.delete(id);
  return { ...ceph, tasks };
}

// What was done here.

/** Puts a pool from an answer in its place; a new pool comes first until the list is loaded again. */
export function withPool(ceph, pool, isCreated = false) {
  if (ceph.list === null) return ceph;
  const { results, count } = ceph.list;
  const isListed = results.some(({ id }) => id === pool.id);
  const rows = isListed ? results.map((one) => (one.id === pool.id ? pool : one)) : [pool, ...results];
  const next = withList(ceph, { results: rows, count: isListed ? count : count + 1, isStale: true });
  return isCreated ? { ...next, created: pool.name } : next;
}
