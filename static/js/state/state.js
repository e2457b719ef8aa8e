/**
 * All that the page knows, as one plain object, and the pure functions that change it.
 *
 * `place` is what is open (place.js). `revision` is that of the last change received from the server; `isPolling`: changes are
 * polled, since no WebSocket gets through. `lists` are those on the screen (tasks/task_list.js): the dialog's, and on Home the
 * pending tasks and the latest failures; `unseenShown` says which of these are shown as new: it equals `unseen`, except
 * while somebody is reading them. `open` is the open task (tasks/open_task.js), `start` the form of a new one
 * (tasks/job_form.js), `confirm` and `report` are about deletions (tasks/deleting.js), `ceph` is what is known of clusters
 * (clusters/clusters.js), `elsewhere` their changes without a task (clusters/elsewhere.js). `needs` is what the caller of these
 * functions has to do: load the failures that this browser has not seen ("failed"), connect from scratch ("connect"), or write
 * the place into the address ("address").
 */

import { NOTHING_SEEN } from "./clusters/elsewhere.js";
import * as announce from "./notices/announce.js";
import { withoutFailed } from "./notices/toasts.js";
import { unseenSince } from "./notices/unseen.js";
import { queryOf, viewAt } from "./place.js";
import { NOTHING } from "./selection.js";
import * as jobForm from "./tasks/job_form.js";
import * as openTask from "./tasks/open_task.js";
import * as taskList from "./tasks/task_list.js";
import { VIEWS } from "./views.js";

export const NO_NEEDS = Object.freeze({ failed: false, connect: false, address: false });

/** The queries of the lists in Home and other views, by name. */
const QUERIES = Object.assign({}, ...VIEWS.map(({ state }) => state.lists));
/**
 * Parts of the state that belong to one or several views. A slice has its `name` in the state and its `initial` value;
 * `arranged(part, state, view)` adapts it to the open `view`, `withFrame(part, frame)` applies a frame, `withGap(part)`
 * requests everything again, `retried(part)` what could not be loaded. Its `tasks`, if it has any, are a Map by id.
 */
const SLICES = [...new Set(VIEWS.map(({ state }) => state.slice).filter(Boolean))];

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
    lists: {},
    loads: 0,
    selection: NOTHING,
    confirm: null,
    report: null,
    isHelpOpen: false,
    created: null,
    open: null,
    ...Object.fromEntries(SLICES.map((slice) => [slice.name, slice.initial])),
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

/** Adapts everything to what is open. */
export function arranged(state) {
  const { place, preferences } = state;
  const queries = { dialog: queryOf(place, preferences.pageSize), ...QUERIES };
  const lists = Object.entries(queries).map(([name, query]) => [name, taskList.following(state.lists[name] ?? null, query)]);
  return {
    ...state,
    lists: Object.fromEntries(lists),
    open: opened(state),
    ...eachSlice(state, (slice, part) => slice.arranged(part, state, viewAt(place))),
    ...formOf(state),
  };
}

/** Applies `apply(slice, part)` to each slice of the state, and returns the results by name. */
export function eachSlice(state, apply) {
  return Object.fromEntries(SLICES.map((slice) => [slice.name, apply(slice, state[slice.name])]));
}

function opened(state) {
  const { place, open, lists } = state;
  if (place.task === null) return null;
  if (open?.id === place.task) return open;
  const parts = [...Object.values(lists), ...SLICES.map(({ name }) => state[name])];
  const known = parts.map((part) => part?.tasks?.get(place.task)).find(Boolean);
  return openTask.opened(place.task, known && !known.gone ? known : null);
}

/** Returns the form. A newly opened one requests the jobs again; choosing another job does not open a new one. */
function formOf({ place, start, jobs, role }) {
  if (place.start === null || role !== "admin") return { start: null, jobs: null };
  const isSame = start !== null && start.from === place.from;
  return isSame ? { start, jobs } : { start: { ...jobForm.startOpened(null, place.start), from: place.from }, jobs: null };
}

// Signing in and out.

export function signedIn(state, user, role) {
  return initial(user, role, state.version, state.place, state.preferences);
}

/** Forgets everything except what was open, for the next sign-in. */
export function signedOut(state, notice) {
  return { ...initial("", "", state.version, state.place, state.preferences), notice };
}

/** Notes that a person is signing out. Meanwhile nothing is requested: the server would refuse it. */
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

// What is open.

/** Goes to another place: another tab, page, search, ordering or task, or something was closed. */
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

/** Notes that the page's address is up to date. */
export function addressWritten(state) {
  return { ...state, needs: { ...state.needs, address: false } };
}

/** Notes that a task was created here, so that its row stands out. */
export function taskCreated(state, id) {
  return { ...state, created: id };
}

export function withHelp(state, isHelpOpen) {
  return { ...state, isHelpOpen };
}

// The open task and the rest.

export function withOpen(state, id, apply) {
  return state.open?.id === id ? { ...state, open: apply(state.open) } : state;
}

/** Stores what was loaded: `workers`, `statistics` or `health`. An error leaves what was there. */
export function withLoaded(state, name, value) {
  return { ...state, [name]: value, errors: { ...state.errors, [name]: "" } };
}

export function withLoadError(state, name, error) {
  return { ...state, errors: { ...state.errors, [name]: error } };
}

/** Fills the form with what it needs: the jobs, and `task` if that is to run again. */
export function startKnown(state, asked, jobs, task) {
  if (state.start !== asked) return state;
  return { ...state, jobs, start: jobForm.startOpened(jobs, state.place.start, task) };
}

export function startNotKnown(state, asked, message) {
  return state.start === asked ? { ...state, start: jobForm.startRefused(asked, { message }) } : state;
}

export function withStart(state, start) {
  return { ...state, start };
}

export function withToasts(state, toasts) {
  return toasts === state.toasts ? state : { ...state, toasts };
}

/** Announces which tasks have ended, after gathering them for a moment. */
export function withAnnouncement(state, now) {
  if (!announce.due(state.announcement, now)) return state;
  return { ...state, announced: announce.textOf(state.announcement), announcement: announce.NOTHING };
}
