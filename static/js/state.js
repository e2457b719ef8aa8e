/**
 * All that the page knows, as one plain object, and the pure functions that change it.
 *
 * `revision` is how far we have followed the server's changes; `list` is the open tab's tasks (tasklist.js), and
 * `loading` a request for them that is under way. `needs` is what the functions ask of whoever runs them: "list"
 * and "failed" to be loaded, "connect" to begin anew without what was known; "refill", which can wait a moment, to load a list that rows have left.
 */

import { NOTHING, allClicked, clicked, keptTo } from "./selection.js";
import { countOf, isFinal } from "./statuses.js";
import { fromPage, isShort, keepingRows, rows, settled, withChanges } from "./tasklist.js";
import { withEndings, withoutFailed } from "./toasts.js";
import { lookedAt, seenElsewhere, unseenSince, withFrame, withPage } from "./unseen.js";
import { reportSentence } from "./words.js";

const NO_NEEDS = Object.freeze({ list: false, refill: false, failed: false, connect: false });

export function initial(user, role, version) {
  return {
    user,
    role,
    version,
    notice: "",
    signIn: { busy: false, error: "" },
    phase: "connecting",
    dataAt: null,
    store: null,
    revision: null,
    counts: null,
    pendingPercent: 0,
    unseen: unseenSince(""),
    list: null,
    loading: null,
    loads: 0,
    loadError: "",
    needs: NO_NEEDS,
    dialog: null,
    toasts: [],
  };
}

// Who is here.

export function signedIn(state, user, role) {
  return initial(user, role, state.version);
}

export function signedOut(state, notice) {
  return { ...initial("", "", state.version), notice };
}

export function signInBegan(state) {
  return { ...state, notice: "", signIn: { busy: true, error: "" } };
}

export function signInFailed(state, error) {
  return { ...state, signIn: { busy: false, error } };
}

// The connection.

/** It is lost. What we show is as old as the moment at which it was. */
export function disconnected(state, serverStops, now) {
  const dataAt = state.phase === "live" || state.phase === "stopping" ? now : state.dataAt;
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
    dataAt: null,
    store: frame.store,
    revision: frame.revision,
    counts: frame.counts,
    pendingPercent: frame.pending_percent,
    unseen: isOther ? unseenSince("") : state.unseen,
  };
  if (isFirst || isOther || frame.revision !== state.revision) return stale(next);
  return state.loadError ? { ...next, needs: { ...next.needs, list: true } } : next;
}

function resync(state, frame) {
  return stale({ ...state, revision: frame.revision });
}

function stopping(state) {
  return { ...state, phase: "stopping" };
}

/** What we hold may have gaps: both lists are to be loaded, and answers that are under way are not for us. */
function stale(state) {
  const unseen = unseenSince(state.unseen.seen);
  return { ...state, unseen, loading: null, needs: { ...state.needs, list: state.dialog !== null, failed: true } };
}

function changes(state, frame, now) {
  if (frame.since !== state.revision) return { ...state, needs: { ...state.needs, connect: true } };
  const names = namesIn(state, frame);
  return pruned({
    ...state,
    revision: frame.revision,
    counts: frame.counts,
    pendingPercent: frame.pending_percent,
    unseen: withFrame(state.unseen, frame),
    list: state.list && withChanges(state.list, frame),
    loading: state.loading && { ...state.loading, frames: [...state.loading.frames, frame] },
    toasts: withEndings(state.toasts, frame, (id) => names.get(id) ?? `Task ${id}`, now),
  });
}

function namesIn(state, frame) {
  const known = state.list ? [...state.list.tasks.values()] : [];
  return new Map([...known, ...frame.tasks].map((task) => [task.id, task.description]));
}

/** What we know cannot be gone on from: as if nothing had been known but who we are and what is open. */
export function begunAnew(state) {
  return { ...state, store: null, revision: null, loading: null, needs: NO_NEEDS };
}

// Loading.

/** A request for the open tab begins. Only the answer to the last one counts. */
export function loadBegan(state) {
  const loads = state.loads + 1;
  const loading = { number: loads, tab: state.dialog.tab, revision: state.revision, frames: [] };
  return { ...state, loads, loading, needs: { ...state.needs, list: false, refill: false } };
}

/** Its answer, brought up to the present by the frames that came meanwhile. An answer that is older than what we
 * knew when we asked is dropped, and asked for again. */
export function withAnswer(state, number, page) {
  if (state.loading?.number !== number) return state;
  const { tab, revision, frames } = state.loading;
  const next = { ...state, loading: null, loadError: "" };
  if (page.store !== state.store) return { ...next, needs: { ...next.needs, connect: true } };
  if (page.revision < revision) return { ...next, needs: { ...next.needs, list: true } };
  const fresh = frames.reduce(withChanges, fromPage(tab, page));
  return pruned({ ...next, list: keepingRows(state.list, fresh) });
}

function isHeld(state) {
  return (state.dialog?.selection.ids.size ?? 0) > 0;
}

export function loadFailed(state, number, error) {
  return state.loading?.number === number ? { ...state, loading: null, loadError: error } : state;
}

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

// The rows on the screen.

/** Before each picture: the table follows the list unless a person is in it. `inTable`: pointer or focus is there. */
export function settle(state, inTable) {
  if (state.list === null || inTable || isHeld(state)) return state;
  const list = settled(state.list);
  const next = list === state.list ? state : { ...state, list };
  const isLacking = isShort(list, countOf(list.tab, state.counts)) && state.loading === null && !state.loadError;
  return isLacking ? { ...next, needs: { ...next.needs, refill: true } } : next;
}

/** The person sees the open tab, so its failures are known to them. */
export function seen(state) {
  if (state.dialog?.tab !== "failed" || state.list?.tab !== "failed") return state;
  const unseen = lookedAt(state.unseen, [...state.list.tasks.values()].filter((task) => isFinal(task.status)));
  return unseen === state.unseen ? state : { ...state, unseen };
}

// Toasts.

export function withToasts(state, toasts) {
  return toasts === state.toasts ? state : { ...state, toasts };
}

// The dialog.

export function opened(state) {
  if (state.dialog !== null) return state;
  return withTab({ ...state, dialog: { tab: "pending", selection: NOTHING, confirm: null, report: [] } }, "pending");
}

export function closed(state) {
  return { ...state, dialog: null, list: null, loading: null, loadError: "" };
}

export function withTab(state, tab) {
  const dialog = { ...state.dialog, tab, selection: NOTHING, report: [] };
  const needs = { ...state.needs, list: state.store !== null };
  const toasts = tab === "failed" ? withoutFailed(state.toasts) : state.toasts;
  return { ...state, dialog, toasts, list: null, loading: null, loadError: "", needs };
}

export function rowClicked(state, id, withShift) {
  return withSelection(state, clicked(state.dialog.selection, chooseable(state.list), id, withShift));
}

export function selectAllClicked(state) {
  return withSelection(state, allClicked(state.dialog.selection, chooseable(state.list)));
}

function withSelection(state, selection) {
  return { ...state, dialog: { ...state.dialog, selection } };
}

/** The ids of rows that can be selected: all but those that were deleted under the person's eyes. */
export function chooseable(list) {
  return list === null ? [] : rows(list).filter((task) => !task.gone).map((task) => task.id);
}

function pruned(state) {
  if (state.dialog === null) return state;
  const selection = keptTo(state.dialog.selection, chooseable(state.list));
  return selection === state.dialog.selection ? state : withSelection(state, selection);
}

// Deleting.

/** Asks first, about the tasks as they are now. */
export function deleteAsked(state) {
  const chosen = rows(state.list).filter((task) => state.dialog.selection.ids.has(task.id));
  return withConfirm({ ...state, dialog: { ...state.dialog, report: [] } }, { tasks: chosen, busy: false, error: "" });
}

function withConfirm(state, confirm) {
  return { ...state, dialog: { ...state.dialog, confirm } };
}

export function deleteCancelled(state) {
  return state.dialog === null ? state : withConfirm(state, null);
}

export function deleteBegan(state) {
  return withConfirm(state, { ...state.dialog.confirm, busy: true, error: "" });
}

/** The server's word on each: what changed meanwhile is said by name. */
export function deleteDone(state, asked, results) {
  if (state.dialog === null) return state;
  const byId = new Map(asked.map((task) => [task.id, task]));
  const sentences = results.map((result) => reportSentence(byId.get(result.id), result)).filter(Boolean);
  return { ...state, dialog: { ...state.dialog, confirm: null, selection: NOTHING, report: sentences } };
}

export function deleteFailed(state, error) {
  return state.dialog?.confirm ? withConfirm(state, { ...state.dialog.confirm, busy: false, error }) : state;
}

export function reportClosed(state) {
  return { ...state, dialog: { ...state.dialog, report: [] } };
}
