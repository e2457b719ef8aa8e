/** Starts the page: holds the state, serves what it asks for, and draws what follows. */

import { makeActions } from "./actions/actions.js";
import * as announce from "./state/notices/announce.js";
import * as api from "./server/api.js";
import { serveClusters } from "./server/clusters.js";
import { serveChoices } from "./server/choices.js";
import * as clock from "./state/clock.js";
import { serveElsewhere } from "./server/elsewhere.js";
import { useZone } from "./text/format.js";
import { listenToKeys } from "./browser/keys.js";
import { follow } from "./server/live.js";
import { keepAsking, keepLists } from "./server/loader.js";
import * as memory from "./browser/seen_failures.js";
import { notifyEnded } from "./browser/notify.js";
import * as openTask from "./state/tasks/open_task.js";
import { addressOf, isAtHome, placeFrom } from "./state/place.js";
import * as preferences from "./browser/preferences.js";
import { newestRounds } from "./server/round_loader.js";
import * as change from "./state/state.js";
import { NOT_STARTED, countOf, isFinal } from "./text/statuses.js";
import { requestOf } from "./state/tasks/task_list.js";
import { current, held, nextEnd, released, withFailure } from "./state/notices/toasts.js";
import { draw } from "./views/page.js";
import { isInList, isInViewRows } from "./views/parts/reading.js";
import { areToastsInUse } from "./views/toasts.js";
import { showInTab } from "./browser/tab_title.js";

const UNAUTHORISED = 401;
const NOT_FOUND = 404;
const RETRY_MILLISECONDS = 5000;
const WORKERS_MILLISECONDS = 2000;
const WAITING_MILLISECONDS = 3000;
const STATISTICS_MILLISECONDS = 5000;
const HEALTH_MILLISECONDS = 10000;
/** Times on the screen are relative, and go on while nothing happens. */
const TICK_MILLISECONDS = 10000;
const SIGNED_OUT = "You are signed out. Sign in to go on.";
const FAILURES_KNOWN = 100;

const { user, role, version } = document.body.dataset;
let state = change.initial(user, role, version, placeFrom(location.search), preferences.load());
let live = null;
let frameAsked = false;
let wakeTimer = null;
let watched = null;
let roundsAsked = false;
let serverClock = clock.UNKNOWN;
let opening = null;
let formAsked = null;

function update(apply, ...values) {
  state = apply(state, ...values);
  serveNeeds();
  askForFrame();
}

/** The same for what a person did: they see it before they can do the next thing. */
function react(apply, ...values) {
  update(apply, ...values);
  drawNow();
}

/** Another place: in the address and on the screen. `replaceState` where one should not come back to the present one. */
function go(place, how = "pushState") {
  state = change.went(state, place);
  history[how](null, "", addressOf(place));
  serveNeeds();
  drawNow();
}

/** The time as the server has it: all that people read goes by it. How long something stays goes by `performance.now()`. */
function serverNow() {
  return clock.timeOf(serverClock, performance.now(), Date.now());
}

// Drawing.

function askForFrame() {
  if (document.hidden) showInTab(state);
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(drawFrame);
}

/** A hidden page gets no frames: it rests, and nothing counts as looked at. */
function drawFrame() {
  frameAsked = false;
  drawNow();
}

function drawNow() {
  const now = performance.now();
  const seenBefore = state.unseen.seen;
  state = change.seen(change.settle(state, isInList));
  if (state.store !== null && state.unseen.seen > seenBefore) memory.rememberFailuresSeen(state.store, state.unseen.seen);
  state = change.withToasts(state, current((areToastsInUse() ? held : released)(state.toasts, now), now));
  state = change.spoken(state, now);
  draw(state, actions, serverNow());
  showInTab(state);
  serveNeeds();
  wakeAt(Math.min(now + TICK_MILLISECONDS, nextEnd(state.toasts), announce.dueAt(state.announcement)), now);
}

function wakeAt(time, now) {
  clearTimeout(wakeTimer);
  wakeTimer = setTimeout(askForFrame, Math.max(0, time - now) + 1);
}

// What the state asks for.

const serveLists = keepLists({
  visible: () => change.visibleLists(state),
  getList: (name) => state.lists[name],
  isHeld: (name) => change.isHeld(state, name, isInList),
  load: loadList,
  retry: () => update(change.reloadAsked),
});
const serveWorkers = keepAsking(() => load("workers", api.getWorkers), isHomeWanted, WORKERS_MILLISECONDS);
const serveStatistics = keepAsking(() => load("statistics", api.getStatistics), isHomeWanted, STATISTICS_MILLISECONDS);
const serveHealth = keepAsking(() => load("health", api.getHealth), isHomeWanted, HEALTH_MILLISECONDS);
/** Why a task waits, and its place in the line, change without a revision. */
const serveWaiting = keepAsking(refreshOpen, isWaitingOpen, WAITING_MILLISECONDS);
const serveCeph = serveClusters({
  getState: () => state,
  set: (next) => (state = next),
  update,
  failed,
  isInRows: isInViewRows,
  consider: () => actions.consider(),
});
const serveOffers = serveChoices({
  getState: () => state,
  change: (apply) => update((now) => change.withStart(now, apply(now.start))),
  failed,
});
const serveChanges = serveElsewhere({ getState: () => state, update, failed });

function serveNeeds() {
  const { needs } = state;
  if (needs.connect) startAnew();
  if (needs.failed) loadFailed();
  if (needs.address) sayAddress();
  serveLists();
  serveWorkers();
  serveStatistics();
  serveHealth();
  serveOpen();
  serveWaiting();
  serveStart();
  serveOffers();
  serveCeph();
  serveChanges();
  serveWatch();
  serveRounds();
}

function isHomeWanted() {
  const { phase, isLeaving, place } = state;
  const isCovered = place.tab !== null && state.workers !== null && state.statistics !== null;
  return phase === "live" && !isLeaving && !isCovered && isAtHome(place);
}

function startAnew() {
  state = change.begunAnew(state);
  live.restart();
}

function sayAddress() {
  state = change.addressSaid(state);
  history.replaceState(null, "", addressOf(state.place));
}

async function loadList(name) {
  state = change.loadBegan(state, name);
  const { query, loading: { number } } = state.lists[name];
  try {
    update(change.withAnswer, name, number, await api.listTasks(requestOf(query)));
  } catch (problem) {
    failed(problem, (text) => update(change.loadFailed, name, number, text, problem.errors));
  }
}

async function loadFailed() {
  if (state.store === null) return;
  state = change.failedBegan(state, memory.failuresSeen(state.store));
  if (countOf("failed", state.counts) === 0) return;
  const query = { tab: "failed", search: "", ordering: "-last_modified", page: 1, size: FAILURES_KNOWN };
  try {
    update(change.withFailed, await api.listTasks(requestOf(query)));
  } catch (problem) {
    failed(problem, () => setTimeout(loadFailed, RETRY_MILLISECONDS));
  }
}

async function load(name, get) {
  try {
    update(change.withLoaded, name, await get());
  } catch (problem) {
    failed(problem, (text) => update(change.withLoadError, name, text));
  }
}

/** The open task with its newest rounds, and whatever of it has become known as incomplete. */
async function serveOpen() {
  const { open, store } = state;
  if (open === null || store === null || opening === open.id || !openTask.isLacking(open)) return;
  opening = open.id;
  const tell = (apply) => update(change.withOpen, open.id, apply);
  try {
    const task = await api.getTask(open.id);
    const found = open.isLoaded ? null : await newestRounds(open.id, openTask.firstAfter(task), task.round);
    const interruptions = task.interruptions > 0 ? await api.getInterruptions(open.id) : [];
    tell((known) => openTask.loaded(known, task, found, interruptions));
  } catch (problem) {
    const withProblem = problem.status === NOT_FOUND ? openTask.withMissing : openTask.withOpenError;
    failed(problem, (text) => tell((known) => withProblem(known, text)));
  }
  if (opening === open.id) opening = null;
}

function isWaitingOpen() {
  return state.phase === "live" && state.open?.isLoaded && !state.open.gone && state.open.task.status === NOT_STARTED;
}

async function refreshOpen() {
  const { id } = state.open;
  try {
    const task = await api.getTask(id);
    update(change.withOpen, id, (open) => openTask.withTask(open, task));
  } catch (problem) {
    failed(problem, () => {}); // the frames say whether it is gone
  }
}

/** The form needs to know the jobs, and the task that it takes its values from. */
async function serveStart() {
  const { place, start, jobs } = state;
  if (start === null || jobs !== null || start === formAsked || state.store === null) return;
  formAsked = start;
  try {
    const [all, task] = await Promise.all([api.listJobs(), place.from === null ? null : api.getTask(place.from)]);
    update(change.startKnown, start, all, task);
  } catch (problem) {
    failed(problem, (text) => {
      update(change.startNotKnown, start, text);
      formAsked = state.start;
    });
  }
}

/** The open task's rounds come with the frames, as long as somebody looks. */
function serveWatch() {
  const { open, phase } = state;
  const isWanted = open?.isLoaded && !open.gone && phase === "live" && !document.hidden;
  const wanted = isWanted ? open.id : null;
  if (wanted === watched || phase !== "live") return;
  if (watched !== null) live.send({ type: "unwatch", task: watched });
  if (wanted !== null) live.send({ type: "watch", task: wanted, after: openTask.lastNumber(open) });
  watched = wanted;
}

/** The same by a request where frames do not bear rounds: those of polling. */
async function serveRounds() {
  const { open, phase, isPolling } = state;
  if (!isPolling || phase !== "live" || roundsAsked || document.hidden || !openTask.lacksRounds(open)) return;
  roundsAsked = true;
  const { revision } = open.task;
  try {
    const found = await newestRounds(open.id, openTask.followingAfter(open), open.task.round);
    update(change.withOpen, open.id, (now) => openTask.withLater(now, found, revision));
  } catch (problem) {
    failed(problem, () => update(change.withOpen, open.id, (now) => openTask.withLater(now, null, revision)));
  }
  roundsAsked = false;
}

/** A call did not work: where we are not signed in any more the page says so, else the caller does. */
function failed(problem, tell) {
  if (!(problem instanceof api.Problem)) throw problem;
  if (problem.status === UNAUTHORISED) leave(SIGNED_OUT);
  else tell(problem.message);
}

// Who is here.

function enter() {
  live = follow({
    since: () => state.revision,
    ask: api.ask,
    poll: api.getChanges,
    isHopeless: memory.areSocketsHopeless(),
    onHopeless: memory.rememberSockets,
    onMessage: heard,
    onLost: (serverStops, millisecondsAgo) => update(change.disconnected, serverStops, serverNow() - millisecondsAgo),
    onAttemptFailed: () => update(change.attemptFailed),
    onSignedOut: () => leave(SIGNED_OUT),
  });
}

function heard(frame) {
  serverClock = clock.withFrame(serverClock, frame, performance.now());
  if (frame.type === "hello") watched = null;
  update(change.withMessage, frame, performance.now());
  if (frame.type !== "changes" || !state.preferences.notify) return;
  const ended = new Set(frame.transitions.filter(({ to }) => isFinal(to)).map(({ task }) => task));
  const own = frame.tasks.filter((task) => ended.has(task.id) && task.created_by === state.user);
  notifyEnded(own, (id) => (id === null ? actions.openDialog() : actions.openTask(id)));
}

function leave(notice) {
  live?.stop();
  live = null;
  watched = null;
  if (state.user !== "") update(change.signedOut, notice);
}

const actions = makeActions({
  getState: () => state,
  update,
  react,
  go,
  failed,
  enter,
  leave,
  tellFailure: (text) => react(change.withToasts, withFailure(state.toasts, text)),
  askForFrame,
});

api.onAnswer((date, revision) => {
  serverClock = clock.withDate(serverClock, date, performance.now());
  if (Number.isInteger(revision)) live?.noticed(revision);
});
addEventListener("popstate", () => react(change.went, placeFrom(location.search)));
document.addEventListener("visibilitychange", () => update((same) => same));
memory.onFailuresSeenElsewhere((store, seen) => {
  if (store === state.store) update(change.withSeen, seen);
});
preferences.onChangedElsewhere((changed) => {
  useZone(changed.zone);
  update(change.withPreferences, changed);
});
listenToKeys(() => state, actions);

useZone(state.preferences.zone);
if (user !== "") enter();
askForFrame();
