/**
 * All that the page knows, as one plain object, and the pure functions that change it.
 *
 * `place` is what is open (place.js). `revision` is how far we have followed the server's changes; `isPolling`: by asking
 * for them again and again, since no WebSocket gets through. `lists` are those on the screen (tasks/task_list.js): the dialog's,
 * and on Home the pending tasks and the latest failures, of which `unseenShown` says which are new: as `unseen`, unless
 * somebody is reading them. `open` is the open task (tasks/open_task.js), `start` the form of a new one (tasks/job_form.js), `confirm`
 * and `report` are about deletions (tasks/deleting.js), `ceph` is what is known of clusters (clusters/clusters.js), `elsewhere` what goes on in
 * them without a task (clusters/elsewhere.js). `needs` is what the
 * functions ask of whoever runs them: "failed" to be loaded (what this browser has not seen), "connect" to begin anew
 * without what was known, "address" to say where we are now.
 */

import * as announce from "./notices/announce.js";
import * as cluster from "./clusters/clusters.js";
import { pathOf } from "./clusters/images.js";
import { NOTHING_SEEN } from "./clusters/elsewhere.js";
import * as jobform from "./tasks/job_form.js";
import * as openTask from "./tasks/open_task.js";
import { isAtHome, queryOf } from "./place.js";
import { NOTHING, allClicked, allMatching, clicked, keptTo } from "./selection.js";
import { isFinal } from "../text/statuses.js";
import * as tasklist from "./tasks/task_list.js";
import { withEndings, withoutFailed } from "./notices/toasts.js";
import { lookedAt, seenElsewhere, unseenSince, withFrame, withPage } from "./notices/unseen.js";

const NO_NEEDS = Object.freeze({ failed: false, connect: false, address: false });

/** What Home shows of the pending tasks, those that run first, and of those that failed. */
const HOME_QUERIES = {
  pending: { tab: "pending", search: "", ordering: "-status", page: 1, size: 8 },
  failures: { tab: "failed", search: "", ordering: "-last_modified", page: 1, size: 5 },
};

export function initial(user, role, version, place, preferences) {
  return arranged({
    user,
    role,
    version,
    preferences,
    isLeaving: false,
    notice: "",
    signIn: { busy: false, error: "" },
    phase: "connecting",
    isPolling: false,
    dataAt: null,
    isUpdated: false,
    store: null,
    revision: null,
    counts: null,
    pendingPercent: 0,
    unseen: unseenSince(""),
    unseenShown: unseenSince(""),
    place,
    lists: { dialog: null, pending: null, failures: null },
    loads: 0,
    selection: NOTHING,
    confirm: null,
    report: null,
    isHelpOpen: false,
    created: null,
    open: null,
    ceph: cluster.NOTHING_KNOWN,
    elsewhere: NOTHING_SEEN,
    jobs: null,
    start: null,
    workers: null,
    statistics: null,
    health: null,
    errors: {},
    needs: NO_NEEDS,
    toasts: [],
    announcement: announce.NOTHING,
    announced: "",
  });
}

/** Brings lists and the open task in line with what is open. */
function arranged(state) {
  const { place, preferences, lists } = state;
  const following = (name, query) => tasklist.following(lists[name], query);
  return {
    ...state,
    lists: {
      dialog: following("dialog", queryOf(place, preferences.pageSize)),
      pending: following("pending", HOME_QUERIES.pending),
      failures: following("failures", HOME_QUERIES.failures),
    },
    open: opened(state),
    ceph: cluster.arranged(state.ceph, place, preferences.pageSize, state.role),
    ...formOf(state),
  };
}

function opened({ place, open, lists, ceph }) {
  if (place.task === null) return null;
  if (open?.id === place.task) return open;
  const known = [...Object.values(lists), ceph].map((some) => some?.tasks.get(place.task)).find(Boolean);
  return openTask.opened(place.task, known && !known.gone ? known : null);
}

/** A form that opens asks for the jobs anew; another job in the same form is no other form. */
function formOf({ place, start, jobs, role }) {
  if (place.start === null || role !== "admin") return { start: null, jobs: null };
  const isSame = start !== null && start.from === place.from;
  return isSame ? { start, jobs } : { start: { ...jobform.startOpened(null, place.start), from: place.from }, jobs: null };
}

// Who is here.

export function signedIn(state, user, role) {
  return initial(user, role, state.version, state.place, state.preferences);
}

/** Whoever signs in next finds what was open. */
export function signedOut(state, notice) {
  return { ...initial("", "", state.version, state.place, state.preferences), notice };
}

/** On the way out nothing is asked for any more: the server would refuse it. */
export function leaving(state, isLeaving) {
  return { ...state, isLeaving };
}

export function signInBegan(state) {
  return { ...state, notice: "", signIn: { busy: true, error: "" } };
}

export function signInFailed(state, error) {
  return { ...state, signIn: { busy: false, error } };
}

export function withPreferences(state, preferences) {
  return arranged({ ...state, preferences });
}

// The connection.

/** It is lost. What we show is as old as the moment at which it was: `lostAt`, by the clock of the server. */
export function disconnected(state, serverStops, lostAt) {
  const dataAt = state.phase === "live" || state.phase === "stopping" ? lostAt : state.dataAt;
  return { ...state, dataAt, phase: serverStops ? "stopping" : "reconnecting" };
}

/** An attempt to connect again came to nothing. */
export function attemptFailed(state) {
  return { ...state, phase: "reconnecting" };
}

/** A frame of the feed. A type that is not known changes nothing. */
export function withMessage(state, frame, now) {
  const apply = { hello, changes, resync, stopping }[frame.type];
  return apply ? apply(state, frame, now) : state;
}

function hello(state, frame) {
  const isOther = state.store !== null && state.store !== frame.store;
  const isFirst = state.store === null;
  const next = {
    ...state,
    phase: "live",
    isPolling: frame.way === "polling",
    dataAt: null,
    isUpdated: (frame.version ?? state.version) !== state.version,
    store: frame.store,
    revision: frame.revision,
    counts: frame.counts,
    pendingPercent: frame.pending_percent,
    unseen: isOther ? unseenSince("") : state.unseen,
  };
  if (isFirst || isOther || frame.revision !== state.revision) return stale(next);
  return withLists(next, (list) => (list.error ? { ...list, error: "", isStale: true } : list));
}

function resync(state, frame) {
  return stale({ ...state, revision: frame.revision });
}

function stopping(state) {
  return { ...state, phase: "stopping" };
}

/** What we hold may have gaps: all is to be loaded, and answers that are under way are not for us. */
function stale(state) {
  const open = state.open && openTask.withGap(state.open);
  const needs = { ...state.needs, failed: true };
  const ceph = cluster.reloadAsked(state.ceph);
  return withLists({ ...state, open, ceph, unseen: unseenSince(state.unseen.seen), needs }, tasklist.withGap);
}

function changes(state, frame, now) {
  if (frame.since !== state.revision) return { ...state, needs: { ...state.needs, connect: true } };
  const tasks = namedIn(state, frame);
  const next = withLists(state, (list) => tasklist.withFrame(list, frame));
  return pruned({
    ...next,
    revision: frame.revision,
    counts: frame.counts,
    pendingPercent: frame.pending_percent,
    unseen: withFrame(state.unseen, frame),
    open: state.open && openTask.withFrame(state.open, frame),
    ceph: cluster.withFrame(state.ceph, frame),
    toasts: withEndings(state.toasts, frame, (id) => tasks.get(id)?.description ?? `Task ${id}`, now),
    ...announcing(state, announce.withFrame(state.announcement, frame, now)),
  });
}

/** While something new is gathered the last sentence goes, so that the same one is read out once more. */
function announcing({ announced }, announcement) {
  return { announcement, announced: announcement.since === null ? announced : "" };
}

/** What has ended of late is said, once it was gathered for a moment. */
export function spoken(state, now) {
  if (!announce.due(state.announcement, now)) return state;
  return { ...state, announced: announce.textOf(state.announcement), announcement: announce.NOTHING };
}

function namedIn(state, frame) {
  const known = Object.values(state.lists).flatMap((list) => [...(list?.tasks.values() ?? [])]);
  return new Map([...known, ...frame.tasks].map((task) => [task.id, task]));
}

/** What we know cannot be gone on from: as if nothing had been known but who we are and what is open. */
export function begunAnew(state) {
  return { ...withLists(state, tasklist.withGap), store: null, revision: null, needs: NO_NEEDS };
}

// Lists.

function withLists(state, apply) {
  const lists = Object.entries(state.lists).map(([name, list]) => [name, list && apply(list)]);
  return { ...state, lists: Object.fromEntries(lists) };
}

function withList(state, name, list) {
  return list === state.lists[name] ? state : { ...state, lists: { ...state.lists, [name]: list } };
}

/** Those that a person can see. What lies under the dialog or a task rests, once it is there. */
export function visibleLists({ store, isLeaving, place, lists }) {
  if (store === null || isLeaving || (place.task !== null && place.tab === null)) return [];
  const home = isAtHome(place) ? ["pending", "failures"] : [];
  return place.tab === null ? home : ["dialog", ...home.filter((name) => lists[name].answered === null)];
}

export function loadBegan(state, name) {
  const loads = state.loads + 1;
  return { ...withList(state, name, tasklist.loadBegan(state.lists[name], loads, state.revision)), loads };
}

export function withAnswer(state, name, number, page) {
  const list = state.lists[name];
  if (list?.loading?.number !== number) return state;
  if (page.store !== state.store) return { ...state, needs: { ...state.needs, connect: true } };
  return pruned(inBounds(withList(state, name, tasklist.withAnswer(list, number, page)), name));
}

/** Where tasks have gone and the page lies past the end, the last one takes its place. */
function inBounds(state, name) {
  const page = name === "dialog" ? tasklist.pageInstead(state.lists.dialog) : null;
  return page === null ? state : went({ ...state, needs: { ...state.needs, address: true } }, { ...state.place, page });
}

export function loadFailed(state, name, number, error, errors) {
  const list = state.lists[name];
  return list === null ? state : withList(state, name, tasklist.loadFailed(list, number, error, errors));
}

/** Asked for again, by the person or since some time has passed. */
export function reloadAsked(state) {
  const open = state.open?.error ? openTask.withGap(state.open) : state.open;
  const ceph = state.ceph.list?.error ? cluster.reloadAsked(state.ceph) : state.ceph;
  return withLists({ ...state, open, ceph }, (list) => (list.error ? { ...list, error: "", isStale: true } : list));
}

// What this browser has not seen.

/** What failed since `seen`, which this browser remembers of this store, is asked for. */
export function failedBegan(state, seen) {
  return { ...withSeen(state, seen), needs: { ...state.needs, failed: false } };
}

export function withFailed(state, page) {
  return page.store === state.store ? { ...state, unseen: withPage(state.unseen, page) } : state;
}

/** Failures up to `seen` were looked at, in this window or in another one. */
export function withSeen(state, seen) {
  return { ...state, unseen: seenElsewhere(state.unseen, seen) };
}

/** The person sees the Failed tab, so its failures are known to them. */
export function seen(state) {
  const { place, lists } = state;
  if (place.tab !== "failed" || place.task !== null || !tasklist.isAnswered(lists.dialog)) return state;
  const unseen = lookedAt(state.unseen, tasklist.rows(lists.dialog).filter((task) => isFinal(task.status)));
  return unseen === state.unseen ? state : { ...state, unseen };
}

// The rows on the screen.

/** Before each picture: the rows follow their list unless a person is in them, as `isIn(name)` says. */
export function settle(state, isIn) {
  const free = Object.keys(state.lists).filter((name) => state.lists[name] !== null && !isHeld(state, name, isIn));
  return free.reduce((next, name) => withSettled(next, name), state);
}

/** Whether a list stands still: a person is in it, or, in the dialog, has selected rows, or looks at something over it
 * that they will come back from. */
export function isHeld({ selection, place, confirm }, name, isIn) {
  const isLeftOpen = selection.ids.size > 0 || place.task !== null || confirm !== null;
  return isIn(name) || (name === "dialog" && isLeftOpen);
}

/** The person wants the rows as they are now. */
export function updatesApplied(state, name) {
  return pruned(withSettled(state, name));
}

/** Which failures are new goes with the rows that show them. */
function withSettled(state, name) {
  const next = withList(state, name, tasklist.settled(state.lists[name]));
  return name === "failures" && next.unseenShown !== next.unseen ? { ...next, unseenShown: next.unseen } : next;
}

// What is open.

/** Somewhere else: another tab, page, search, ordering, another task, or something closed. */
export function went(state, place) {
  const next = arranged({ ...state, place });
  const isSameList = next.lists.dialog?.query === state.lists.dialog?.query;
  return {
    ...next,
    created: null,
    selection: isSameList ? state.selection : NOTHING,
    report: place.tab === state.place.tab ? state.report : null,
    toasts: place.tab === "failed" && state.place.tab !== "failed" ? withoutFailed(state.toasts) : state.toasts,
  };
}

/** The address of the page says where we are. */
export function addressSaid(state) {
  return { ...state, needs: { ...state.needs, address: false } };
}

/** A task was created here: its row stands out. */
export function taskCreated(state, id) {
  return { ...state, created: id };
}

export function withHelp(state, isHelpOpen) {
  return { ...state, isHelpOpen };
}

// Selecting.

export function rowClicked(state, id, withShift) {
  return { ...state, selection: clicked(state.selection, chooseable(state.lists.dialog), id, withShift) };
}

export function selectAllClicked(state) {
  return { ...state, selection: allClicked(state.selection, chooseable(state.lists.dialog)) };
}

/** All that match what the rows answer, on whatever page, as of what the person sees. */
export function allMatchingChosen(state) {
  const { dialog } = state.lists;
  const { answered, count, isExact, countedAt } = dialog;
  return { ...state, selection: allMatching(chooseable(dialog), { query: answered, count, isExact, asOf: countedAt }) };
}

export function selectionCleared(state) {
  return { ...state, selection: NOTHING };
}

/** The ids of rows that can be selected: all but those that were deleted under the person's eyes. */
export function chooseable(list) {
  return list === null ? [] : tasklist.rows(list).filter((task) => !task.gone).map((task) => task.id);
}

function pruned(state) {
  if (state.selection.ids.size === 0 || state.lists.dialog === null) return state;
  const selection = keptTo(state.selection, chooseable(state.lists.dialog));
  return selection === state.selection ? state : { ...state, selection };
}

// The open task and the rest.

export function withOpen(state, id, apply) {
  return state.open?.id === id ? { ...state, open: apply(state.open) } : state;
}

/** Something that was loaded: `jobs`, `workers`, `statistics` or `health`; an error leaves what was there. */
export function withLoaded(state, name, value) {
  return { ...state, [name]: value, errors: { ...state.errors, [name]: "" } };
}

export function withLoadError(state, name, error) {
  return { ...state, errors: { ...state.errors, [name]: error } };
}

/** What the form needs is there: the jobs, and `task` if that is to run again. */
export function startKnown(state, asked, jobs, task) {
  if (state.start !== asked) return state;
  return { ...state, jobs, start: jobform.startOpened(jobs, state.place.start, task) };
}

export function startNotKnown(state, asked, message) {
  return state.start === asked ? { ...state, start: jobform.startRefused(asked, { message }) } : state;
}

export function withStart(state, start) {
  return { ...state, start };
}

export function withToasts(state, toasts) {
  return toasts === state.toasts ? state : { ...state, toasts };
}


// Clusters.

export function withCeph(state, apply, ...values) {
  const ceph = apply(state.ceph, ...values);
  return ceph === state.ceph ? state : { ...state, ceph };
}

/** As the server lists them: which list is asked for may follow from it. */
export function withClusters(state, clusters) {
  return arranged(withCeph(state, cluster.withClusters, clusters));
}

/** A request for the rows of the view begins. */
export function viewLoadBegan(state) {
  const loads = state.loads + 1;
  return { ...withCeph(state, cluster.loadBegan, loads), loads };
}

/** `isHeld`: the person is in the rows. */
export function withViewAnswer(state, number, page, isHeld, now) {
  const next = arranged(withCeph(state, cluster.withAnswer, number, page, isHeld, now));
  const instead = cluster.pageInstead(next.ceph);
  if (instead === null) return next;
  return went({ ...next, needs: { ...next.needs, address: true } }, { ...next.place, view: { ...next.place.view, page: instead } });
}

/** Whether the view below the layers is one of a cluster, and seen: what lies under the dialog or a task rests. */
export function isViewSeen({ phase, isLeaving, place, store }) {
  return phase === "live" && store !== null && !isLeaving && place.view !== null && place.tab === null && place.task === null;
}

/** Whether what goes on in clusters without a task is on the screen: on Home, unless there are no clusters, or with the
 * pools of one. */
export function isElsewhereSeen(state) {
  const { phase, isLeaving, place, store, ceph } = state;
  if (place.view !== null) return place.view.name === "pools" && isViewSeen(state) && ceph.clusters !== null;
  return phase === "live" && store !== null && !isLeaving && place.tab === null && isAtHome(place) && ceph.clusters?.length !== 0;
}

export function withElsewhere(state, apply, ...values) {
  const elsewhere = apply(state.elsewhere, ...values);
  return elsewhere === state.elsewhere ? state : { ...state, elsewhere };
}

/** The form that is open over the view changes, unless it was closed meanwhile. */
export function withViewForm(state, form, apply, ...values) {
  const { form: now } = state.ceph;
  return isSameForm(now, form) ? { ...state, ceph: { ...state.ceph, form: apply(now, ...values) } } : state;
}

export function isSameForm(one, other) {
  return one !== null && one.kind === other.kind && one.poolId === other.poolId && one.fsid === other.fsid;
}

export function imageClicked(state, path, withShift) {
  const { ceph } = state;
  return { ...state, ceph: { ...ceph, selection: clicked(ceph.selection, imagePaths(state), path, withShift) } };
}

export function allImagesClicked(state) {
  return { ...state, ceph: { ...state.ceph, selection: allClicked(state.ceph.selection, imagePaths(state)) } };
}

function imagePaths({ ceph }) {
  return (ceph.list?.results ?? []).map(pathOf);
}
