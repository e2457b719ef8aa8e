/** Starts the page: holds the state, carries out what people and the server ask for, and draws what follows. */

import { Problem, ask, deleteTasks, listTasks, signIn, signOut } from "./api.js";
import { follow } from "./live.js";
import { failuresSeen, onFailuresSeenElsewhere, rememberFailuresSeen } from "./memory.js";
import * as change from "./state.js";
import { countOf, isPending } from "./statuses.js";
import { current, nextEnd, withFailure, without } from "./toasts.js";
import { draw, isInTable } from "./views/page.js";

const UNAUTHORISED = 401;
const REFILL_MILLISECONDS = 1000;
const RETRY_MILLISECONDS = 5000;
const SIGNED_OUT = "You are signed out. Sign in to go on.";

const { user, role, version } = document.body.dataset;
let state = change.initial(user, role, version);
let live = null;
let frameAsked = false;
let refillTimer = null;
let toastTimer = null;

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

// Drawing.

function askForFrame() {
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
  const seenBefore = state.unseen.seen;
  state = change.seen(change.settle(state, isInTable()));
  if (state.store !== null && state.unseen.seen > seenBefore) rememberFailuresSeen(state.store, state.unseen.seen);
  state = change.withToasts(state, current(state.toasts, Date.now()));
  draw(state, actions, Date.now());
  serveNeeds();
  setToastTimer();
}

function setToastTimer() {
  clearTimeout(toastTimer);
  const end = nextEnd(state.toasts);
  if (end < Infinity) toastTimer = setTimeout(askForFrame, Math.max(0, end - Date.now()) + 1);
}

// What the state asks for.

function serveNeeds() {
  const { needs } = state;
  if (needs.connect) startAnew();
  if (needs.failed) loadFailed();
  if (needs.list && state.dialog !== null) loadList();
  else if (needs.refill && refillTimer === null) refillTimer = setTimeout(refill, REFILL_MILLISECONDS);
}

function startAnew() {
  state = change.begunAnew(state);
  live.restart();
}

function refill() {
  refillTimer = null;
  if (state.needs.refill && state.dialog !== null && state.loading === null) loadList();
}

async function loadList() {
  state = change.loadBegan(state);
  const { number, tab } = state.loading;
  try {
    update(change.withAnswer, number, await listTasks(tab));
  } catch (problem) {
    failed(problem, (text) => update(change.loadFailed, number, text));
  }
}

async function loadFailed() {
  if (state.store === null) return;
  state = change.failedBegan(state, failuresSeen(state.store));
  if (countOf("failed", state.counts) === 0) return;
  try {
    update(change.withFailed, await listTasks("failed"));
  } catch (problem) {
    failed(problem, () => setTimeout(loadFailed, RETRY_MILLISECONDS));
  }
}

/** A call did not work: where we are not signed in any more the page says so, else the caller does. */
function failed(problem, tell) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status === UNAUTHORISED) leave(SIGNED_OUT);
  else tell(problem.message);
}

// Who is here.

function enter() {
  live = follow({
    since: () => state.revision,
    ask,
    onMessage: (frame) => update(change.withMessage, frame, Date.now()),
    onLost: (serverStops) => update(change.disconnected, serverStops, Date.now()),
    onAttemptFailed: () => update(change.attemptFailed),
    onSignedOut: () => leave(SIGNED_OUT),
  });
}

function leave(notice) {
  live?.stop();
  live = null;
  if (state.user !== "") update(change.signedOut, notice);
}

// What people can do.

const actions = {
  async signIn(credentials) {
    if (state.signIn.busy) return;
    react(change.signInBegan);
    try {
      const signedIn = await signIn(credentials);
      react(change.signedIn, signedIn.username, signedIn.role);
      enter();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      react(change.signInFailed, problem.message);
    }
  },

  async signOut() {
    try {
      await signOut();
      leave("");
    } catch (problem) {
      failed(problem, (text) => react(change.withToasts, withFailure(state.toasts, `Not signed out: ${text}`)));
    }
  },

  openDialog: () => react(change.opened),
  closeDialog: () => react(change.closed),
  showTab: (tab) => react(change.withTab, tab),
  reload: () => react(change.withTab, state.dialog.tab),
  clickRow: (id, withShift) => react(change.rowClicked, id, withShift),
  clickSelectAll: () => react(change.selectAllClicked),
  leaveTable: askForFrame,

  askToDelete: () => react(change.deleteAsked),
  keepTasks: () => react(change.deleteCancelled),
  closeReport: () => react(change.reportClosed),

  async deleteTasks() {
    const { tasks, busy } = state.dialog.confirm;
    if (busy) return;
    react(change.deleteBegan);
    try {
      react(change.deleteDone, tasks, await deleteAll(tasks));
    } catch (problem) {
      failed(problem, (text) => react(change.deleteFailed, text));
    }
  },

  closeToast: (key) => react(change.withToasts, without(state.toasts, key)),
};

/** Each only if it is still what the person saw: pending or final. */
async function deleteAll(tasks) {
  const ids = (wanted) => tasks.filter((task) => isPending(task.status) === wanted).map((task) => task.id);
  return [...(await deleteTasks(ids(true), "pending")), ...(await deleteTasks(ids(false), "final"))];
}

onFailuresSeenElsewhere((store, seen) => {
  if (store === state.store) update(change.withSeen, seen);
});

if (user !== "") enter();
askForFrame();
