/** Starts the page: holds the state, loads what it needs, and draws it. */

import { makeActions } from "./actions/actions.js";
import * as sockets from "./browser/hopeless_sockets.js";
import { listenToKeys } from "./browser/keys.js";
import { notifyEnded } from "./browser/notify.js";
import * as preferences from "./browser/preferences.js";
import * as seenFailures from "./browser/seen_failures.js";
import { showInTab } from "./browser/tab_title.js";
import * as api from "./server/api.js";
import { follow } from "./server/live.js";
import { makeNeeds } from "./server/needs.js";
import * as clock from "./state/clock.js";
import * as connection from "./state/connection.js";
import * as announce from "./state/notices/announce.js";
import { seen, withSeen } from "./state/notices/failures.js";
import { current, held, nextEnd, released } from "./state/notices/toasts.js";
import { addressOf, placeFrom } from "./state/place.js";
import * as change from "./state/state.js";
import { settle } from "./state/tasks/lists.js";
import { useZone } from "./text/format.js";
import { isFinal } from "./text/statuses.js";
import { VIEWS } from "./views.js";
import { draw } from "./views/page.js";
import { isInList, isInViewRows } from "./views/parts/reading.js";
import { areToastsInUse } from "./views/toasts.js";

const UNAUTHORISED = 401;
/** How often the page is drawn if nothing else happens: times on the screen are relative. */
const TICK_MILLISECONDS = 10000;
const SIGNED_OUT = "You have been signed out. Sign in to continue.";

const { user, role, version } = document.body.dataset;
let state = change.initial(user, role, version, placeFrom(location.search), preferences.load());
let live = null;
let frameAsked = false;
let wakeTimer = null;
let serverClock = clock.UNKNOWN;

// Changing the state.

/** Changes the state, and draws it with the next frame. */
function update(apply, ...values) {
  state = apply(state, ...values);
  serveNeeds();
  askForFrame();
}

/** Does the same for a person's action, but draws at once, so that they see its effect before their next one. */
function react(apply, ...values) {
  state = apply(state, ...values);
  askForFrame();
  drawNow();
}

/** Goes to another place, in the address and on the screen. With `replaceState`, the browser's Back skips the present one. */
function go(place, how = "pushState") {
  state = change.went(state, place);
  history[how](null, "", addressOf(place));
  drawNow();
}

/** Returns the server's time, which all displayed times refer to. How long something stays on the screen is measured by
 * `performance.now()`. */
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

/** Draws a frame. Browsers call this for visible pages only, so a hidden one rests, and nothing in it counts as seen. */
function drawFrame() {
  frameAsked = false;
  drawNow();
}

function drawNow() {
  const now = performance.now();
  const seenBefore = state.unseen.seen;
  state = seen(settle(state, isInList));
  if (state.store !== null && state.unseen.seen > seenBefore) seenFailures.rememberFailuresSeen(state.store, state.unseen.seen);
  state = change.withToasts(state, current((areToastsInUse() ? held : released)(state.toasts, now), now));
  state = change.withAnnouncement(state, now);
  draw(state, actions, serverNow(), VIEWS);
  showInTab(state);
  serveNeeds();
  wakeAt(Math.min(now + TICK_MILLISECONDS, nextEnd(state.toasts), announce.dueAt(state.announcement)), now);
}

function wakeAt(time, now) {
  clearTimeout(wakeTimer);
  wakeTimer = setTimeout(askForFrame, Math.max(0, time - now) + 1);
}

// What the state needs.

function serveNeeds() {
  if (state.needs.connect) startAnew();
  if (state.needs.address) writeAddress();
  needs.serve();
}

function startAnew() {
  state = connection.begunAnew(state);
  live.restart();
}

function writeAddress() {
  state = change.addressWritten(state);
  history.replaceState(null, "", addressOf(state.place));
}

/** Handles a failed call: if the session has ended, the page asks to sign in; otherwise `report` gets the message. */
function failed(problem, report) {
  if (!(problem instanceof api.Problem)) throw problem;
  if (problem.status === UNAUTHORISED) leave(SIGNED_OUT);
  else report(problem.message);
}

// Signing in and out.

function enter() {
  live = follow({
    since: () => state.revision,
    ask: api.ask,
    poll: api.getChanges,
    isHopeless: sockets.areSocketsHopeless(),
    onHopeless: sockets.rememberSockets,
    onMessage: received,
    onLost: (serverStops, millisecondsAgo) => update(connection.disconnected, serverStops, serverNow() - millisecondsAgo),
    onAttemptFailed: () => update(connection.attemptFailed),
    onSignedOut: () => leave(SIGNED_OUT),
  });
}

function received(frame) {
  serverClock = clock.withFrame(serverClock, frame, performance.now());
  if (frame.type === "hello") needs.forgetWatched();
  update(connection.withMessage, frame, performance.now());
  if (frame.type === "changes" && state.preferences.notify) notifyOfOwn(frame);
}

function notifyOfOwn({ transitions, tasks }) {
  const ended = new Set(transitions.filter(({ to }) => isFinal(to)).map(({ task }) => task));
  const own = tasks.filter((task) => ended.has(task.id) && task.created_by === state.user);
  notifyEnded(own, (id) => (id === null ? actions.openDialog() : actions.openTask(id)));
}

function leave(notice) {
  live?.stop();
  live = null;
  needs.forgetWatched();
  if (state.user !== "") update(change.signedOut, notice);
}

const actions = makeActions({ getState: () => state, update, react, go, failed, enter, leave, askForFrame });
const needs = makeNeeds(
  {
    getState: () => state,
    set: (next) => (state = next),
    update,
    failed,
    send: (order) => live.send(order),
    isInList,
    isInRows: isInViewRows,
    failuresSeen: seenFailures.failuresSeen,
    consider: actions.consider,
  },
  VIEWS.flatMap((view) => view.needs),
);

api.onAnswer((date, revision) => {
  serverClock = clock.withDate(serverClock, date, performance.now());
  if (Number.isInteger(revision)) live?.noticed(revision);
});
addEventListener("popstate", () => react(change.went, placeFrom(location.search)));
document.addEventListener("visibilitychange", () => update((same) => same));
seenFailures.onFailuresSeenElsewhere((store, time) => {
  if (store === state.store) update(withSeen, time);
});
preferences.onChangedElsewhere((changed) => {
  useZone(changed.zone);
  update(change.withPreferences, changed);
});
listenToKeys(() => state, actions);

useZone(state.preferences.zone);
if (user !== "") enter();
askForFrame();
