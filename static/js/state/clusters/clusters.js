/**
 * What the page knows of clusters, as `state.ceph`. Pure.
 *
 * `clusters` as the server lists them (null: not known yet). `list` is the page of pools or images on the screen, null
 * while no view is open or its cluster is not known: `results` answer `answered`, `query` is what is asked for, `asOf`
 * is when the server read them, `answeredAt` when we got them, `unreadable` are pools whose images are missing. `tasks` are those that concern what is listed, by id.
 * `selection` are images by their path, `created` the name of the pool that was created here. `form` is what is open
 * over the view (forms.js).
 */

import { formFor } from "./forms.js";
import { pathOf } from "./images.js";
import { isAnyChanging } from "./pools.js";
import { NOTHING, keptTo } from "../selection.js";
import { isPending } from "../../text/statuses.js";
import { isSame, refusal } from "../tasks/task_list.js";
import { MEASURES_IMAGES, VIEWS } from "./cluster_views.js";

const JOBS = ["pool_pgs", "pool_create", MEASURES_IMAGES];
/** How old the rows may become: while something changes, and else. */
const CHANGING_MILLISECONDS = 2000;
const STILL_MILLISECONDS = 10000;

export const NOTHING_KNOWN = Object.freeze({
  clusters: null,
  error: "",
  list: null,
  tasks: new Map(),
  selection: NOTHING,
  created: null,
  form: null,
});

/** In line with what is open. */
export function arranged(ceph, { view }, preferredSize, role) {
  if (view === null) return { ...NOTHING_KNOWN, clusters: ceph.clusters };
  const list = following(ceph.list, queryOf(view, clusterOf(ceph, view), preferredSize));
  const isSameList = isSame(list?.query ?? null, ceph.list?.query ?? null);
  return {
    ...ceph,
    list,
    selection: isSameList ? ceph.selection : NOTHING,
    form: role === "admin" ? formFor(ceph.form, view, list) : null,
  };
}

/** The one that was chosen, or the first: which one that is does not depend on how they are. */
export function clusterOf({ clusters }, { cluster }) {
  return clusters?.find(({ name }) => name === cluster) ?? clusters?.[0] ?? null;
}

function queryOf(view, cluster, preferredSize) {
  if (!cluster?.fsid) return null;
  return {
    view: view.name,
    fsid: cluster.fsid,
    search: view.search.trim(),
    ordering: view.ordering ?? VIEWS[view.name].ordering,
    page: view.page,
    size: view.size ?? preferredSize,
  };
}

/** The same list as long as it asks for the same, and its rows until others of the same kind are there. */
function following(list, query) {
  if (query === null || list === null || list.query.view !== query.view || list.query.fsid !== query.fsid) {
    return query === null ? null : listOf(query);
  }
  return isSame(list.query, query) ? list : { ...list, query, loading: null, error: "", searchError: "", isStale: true };
}

function listOf(query) {
  return {
    query,
    answered: null,
    results: [],
    unreadable: [],
    count: 0,
    asOf: null,
    answeredAt: 0,
    isStale: true,
    loading: null,
    error: "",
    searchError: "",
  };
}

// Clusters.

/** As the server lists them now. The list follows by `arranged`. */
export function withClusters(ceph, clusters) {
  return { ...ceph, clusters, error: "" };
}

export function withError(ceph, error) {
  return { ...ceph, error };
}

// Loading.

export function loadBegan(ceph, number) {
  return withList(ceph, { isStale: false, loading: { number } });
}

/** The answer to the last request. While a person is in the rows (`isHeld`), those that are there keep their places. */
export function withAnswer(ceph, number, page, isHeld, now) {
  const { list } = ceph;
  if (list?.loading?.number !== number) return ceph;
  const keepsPlaces = isHeld && isSame(list.answered, list.query);
  const results = keepsPlaces ? inPlace(list.results, page.results, keyOf(list)) : page.results;
  const { count, as_of: asOf, unreadable = [] } = page;
  const settled = { answered: list.query, answeredAt: now, loading: null, error: "", searchError: "" };
  return pruned(withList(ceph, { results, count, asOf, unreadable, ...settled }));
}

function inPlace(before, now, key) {
  const places = new Map(before.map((row, at) => [key(row), at]));
  return now.toSorted((one, other) => (places.get(key(one)) ?? Infinity) - (places.get(key(other)) ?? Infinity) || 0);
}

/** What a row of a list is known by. */
export function keyOf({ query: { view } }) {
  return view === "pools" ? ({ id }) => id : pathOf;
}

export function loadFailed(ceph, number, error, errors = {}) {
  return ceph.list?.loading?.number === number ? withList(ceph, { loading: null, ...refusal(error, errors) }) : ceph;
}

/** To be asked for again: at once, or when they are old enough. */
export function reloadAsked(ceph) {
  return ceph.list === null ? ceph : withList(ceph, { isStale: true, error: "" });
}

export function aged(ceph, now) {
  const { list } = ceph;
  if (list === null || list.isStale || list.loading !== null || list.error || list.searchError || now - list.answeredAt < lasting(ceph)) return ceph;
  return withList(ceph, { isStale: true });
}

function lasting({ list, tasks }) {
  const isChanging = list.query.view === "pools" && isAnyChanging(list.results, tasks);
  return isChanging ? CHANGING_MILLISECONDS : STILL_MILLISECONDS;
}

function withList(ceph, changes) {
  return { ...ceph, list: { ...ceph.list, ...changes } };
}

/** Where rows have gone and the page lies past the end, the last one. Else null. */
export function pageInstead({ list }) {
  if (list === null || !isSame(list.answered, list.query) || list.results.length > 0 || list.query.page === 1) return null;
  return Math.min(pagesOf(list), list.query.page - 1);
}

export function pagesOf({ count, query }) {
  return Math.max(1, Math.ceil(count / query.size));
}

/** Without tasks that have ended and selected images that are gone. */
function pruned(ceph) {
  const { list, tasks, selection } = ceph;
  const named = new Set(list.results.map(({ task }) => task));
  const kept = [...tasks].filter(([id, { status }]) => isPending(status) || named.has(id));
  const isImages = list.query.view === "images";
  return {
    ...ceph,
    tasks: kept.length === tasks.size ? tasks : new Map(kept),
    selection: isImages ? keptTo(selection, list.results.map(pathOf)) : NOTHING,
  };
}

// Tasks.

/** The ids of tasks of which nothing is known, or not what they were given: such parameters are too large for lists. */
export function unknownTasks({ list, tasks }) {
  const named = (list?.results ?? []).map(({ task }) => task).filter((id) => Number.isInteger(id) && !tasks.has(id));
  const cut = [...tasks.values()].filter(({ params }) => params === null).map(({ id }) => id);
  return [...new Set([...named, ...cut])];
}

/** With tasks as the server told them; one that we know better stays, and so do parameters that are left out. */
export function withTasks(ceph, news) {
  if (news.length === 0) return ceph;
  const tasks = new Map(ceph.tasks);
  for (const task of news) {
    const known = tasks.get(task.id);
    if (!(known?.revision > task.revision)) tasks.set(task.id, { ...task, params: task.params ?? known?.params ?? null });
  }
  return { ...ceph, tasks };
}

/** After a frame: tasks that concern the view go on, and where one has begun or ended the rows are asked for again. */
export function withFrame(ceph, frame) {
  if (ceph.list === null) return ceph;
  const concerned = frame.tasks.filter(({ id, job }) => ceph.tasks.has(id) || JOBS.includes(job));
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

/** A pool as an answer tells it, in its place; one that was created comes first until the list is asked for again. */
export function withPool(ceph, pool, isCreated = false) {
  if (ceph.list === null) return ceph;
  const { results, count } = ceph.list;
  const isListed = results.some(({ id }) => id === pool.id);
  const rows = isListed ? results.map((one) => (one.id === pool.id ? pool : one)) : [pool, ...results];
  const next = withList(ceph, { results: rows, count: isListed ? count : count + 1, isStale: true });
  return isCreated ? { ...next, created: pool.name } : next;
}
