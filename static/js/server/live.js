/**
 * Keeps a way open to the server's changes, and opens another one when it is lost: a WebSocket, or requests that wait
 * for changes where the server answers but no WebSocket gets through. While frames come it asks for nothing itself.
 */

import { startPolling } from "./polling.js";
import * as rules from "./reconnect.js";
import { openSocket } from "./socket.js";

const { SERVER_STOPS, afterEnd, delayBefore, delayBeforeProbe, eventsUrl } = rules;
const UNAUTHORISED = 401;

/**
 * Begins, and returns `stop`, `restart`, `send` and `noticed`.
 *
 * `since()` says from which revision to go on (null: from the present), `ask()` and `poll()` are as in polling.js and
 * reject with `status` 401 where the sign-in has ended. Told are `onMessage(frame)`, `onLost(serverStops,
 * millisecondsAgo)` (not where the connection is back at once), `onAttemptFailed()` and `onSignedOut()`. `isHopeless`:
 * begin by polling; `onHopeless(isHopeless)` is told when that changes.
 */
export function follow({ since, ask, poll, isHopeless, onHopeless, onMessage, onLost, onAttemptFailed, onSignedOut }) {
  let way = null;
  let attempt = 0;
  let failures = isHopeless ? rules.MOST_FAILURES : 0;
  let hasWorked = false;
  let timer = null;
  let grace = null;
  let probe = null;
  let probes = 0;
  let isFollowing = false;
  let lastFrame = 0;
  let noticedRevision = 0;
  let noticedTimer = null;

  function connect() {
    clearTimeout(timer);
    timer = null;
    isFollowing = false;
    way = rules.isHopeless(failures) ? polled() : socketed();
  }

  // By WebSocket.

  function socketed() {
    return openSocket(eventsUrl(location.href, since()), { onFrame: heard, onEnd: socketEnded });
  }

  function socketEnded(end) {
    way = null;
    const next = afterEnd(end);
    if (next === "sign-in") signedOut();
    else if (next === "ask") askLater(end);
    else {
      countFailure(end);
      lost(end.code === SERVER_STOPS, end.isSilent ? lastFrame : performance.now());
      timer = setTimeout(connect, nextDelay());
    }
  }

  /** A handshake came to nothing, and a browser does not say why: we may be signed out, the server gone, or a proxy in
   * between may not pass it. */
  function askLater(end) {
    attemptFailed();
    timer = setTimeout(() => askThenConnect(end), nextDelay());
  }

  async function askThenConnect(end) {
    const asking = timer;
    try {
      await ask();
      if (timer !== asking) return;
      countFailure(end);
      connect();
    } catch (problem) {
      if (timer !== asking) return;
      failures = 0;
      if (problem.status === UNAUTHORISED) signedOut();
      else askLater(end);
    }
  }

  function countFailure(end) {
    failures = rules.failuresAfter(failures, end, hasWorked);
    if (rules.isHopeless(failures)) onHopeless(true);
  }

  // By polling.

  function polled() {
    if (probe === null) probeLater();
    return startPolling({ since, ask, poll, onFrame: heard, onEnd: pollingEnded });
  }

  function pollingEnded(problem) {
    way = null;
    if (problem.status === UNAUTHORISED) return signedOut();
    lost(false, performance.now());
    timer = setTimeout(connect, nextDelay());
  }

  /** Now and then a WebSocket is tried beside it: if a frame comes, it is done that way again. */
  function probeLater() {
    const probing = setTimeout(probeNow, delayBeforeProbe(probes, hasWorked, Math.random()));
    probe = { close: () => clearTimeout(probing) };
  }

  function probeNow() {
    probes += 1;
    probe = openSocket(eventsUrl(location.href, since()), { onFrame: passes, onEnd: probeLater });
  }

  function passes() {
    stopProbing();
    failures = 0;
    onHopeless(false);
    way?.close();
    connect();
  }

  function stopProbing() {
    probe?.close();
    probe = null;
    probes = 0;
  }

  // Lost and found.

  function heard(frame) {
    lastFrame = performance.now();
    if (frame.type === "hello") found();
    onMessage(frame);
    if (frame.type === "alive") noticed(frame.revision);
  }

  function found() {
    attempt = 0;
    isFollowing = true;
    hasWorked ||= way?.giveUp !== undefined;
    noticedRevision = 0;
    clearTimeout(grace);
    grace = null;
  }

  /** What is back at once is not told: nobody needs to know, and a reader of the screen would hear it each time. `at` is
   * until when what we have was true. */
  function lost(serverStops, at) {
    if (grace !== null) return;
    if (serverStops) onLost(true, 0);
    else grace = setTimeout(tellLost, rules.GRACE_MILLISECONDS, at);
  }

  function tellLost(at) {
    grace = null;
    onLost(false, performance.now() - at);
  }

  function attemptFailed() {
    if (grace === null) onAttemptFailed();
  }

  function nextDelay() {
    return delayBefore(attempt++, Math.random());
  }

  // What answers tell of the socket.

  /** An answer is as of this revision: where frames do not bring it soon, they will not come any more. */
  function noticed(revision) {
    noticedRevision = Math.max(noticedRevision, revision);
    if (noticedTimer === null && isBehind()) {
      noticedTimer = setTimeout(checkNoticed, rules.BEHIND_MILLISECONDS, performance.now());
    }
  }

  function isBehind() {
    return way?.giveUp !== undefined && isFollowing && since() !== null && since() < noticedRevision;
  }

  function checkNoticed(noticedAt) {
    noticedTimer = null;
    if (!isBehind()) return;
    if (lastFrame > noticedAt) return noticed(noticedRevision);
    way.giveUp();
  }

  // What the browser tells.

  /** The network is there again, or somebody looks: there is no point in waiting on. A hidden page has slow timers. */
  function hurry() {
    if (document.hidden) return;
    if (timer !== null) connect();
    else if (isFollowing && performance.now() - lastFrame > rules.QUIET_MILLISECONDS) way.giveUp?.();
  }

  /** The network has gone: the socket would not notice for half a minute. */
  function abandon() {
    if (way === null) return;
    way.close();
    way = null;
    clearTimeout(grace);
    tellLost(performance.now());
    timer = setTimeout(connect, nextDelay());
  }

  function signedOut() {
    stop();
    onSignedOut();
  }

  function stop() {
    for (const one of [timer, grace, noticedTimer]) clearTimeout(one);
    timer = grace = noticedTimer = null;
    stopProbing();
    way?.close();
    way = null;
    removeEventListener("online", hurry);
    removeEventListener("offline", abandon);
    document.removeEventListener("visibilitychange", hurry);
  }

  /** Begins anew, the same way. */
  function restart() {
    if (way !== null) lost(false, performance.now());
    way?.close();
    connect();
  }

  addEventListener("online", hurry);
  addEventListener("offline", abandon);
  document.addEventListener("visibilitychange", hurry);
  connect();

  return { stop, restart, send: (order) => way?.send(order), noticed };
}
