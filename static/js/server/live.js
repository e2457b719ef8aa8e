/**
 * Keeps a connection open to the server's changes, and opens another one when it is lost: a WebSocket, or requests that wait
 * for changes if the server answers but no WebSocket gets through. While frames come it asks for nothing itself.
 */

import { makeBehind } from "./behind.js";
import { makeLoss } from "./loss.js";
import { startPolling } from "./polling.js";
import { makeProbe } from "./probe.js";
import * as rules from "./reconnect.js";
import { openSocket } from "./socket.js";

const { SERVER_STOPS, afterEnd, delayBefore, eventsUrl } = rules;
const UNAUTHORISED = 401;

/**
 * Begins, and returns `stop`, `restart`, `send` and `noticed`.
 *
 * `since()` says after which revision to continue (null: from the present), `ask()` and `poll()` are as in polling.js and
 * reject with `status` 401 if the sign-in has ended. Called are `onMessage(frame)`, `onLost(serverStops,
 * millisecondsAgo)` (not if the connection is back at once), `onAttemptFailed()` and `onSignedOut()`. `isHopeless`:
 * begin by polling; `onHopeless(isHopeless)` is called when that changes.
 */
export function follow({ since, ask, poll, isHopeless, onHopeless, onMessage, onLost, onAttemptFailed, onSignedOut }) {
  let connection = null;
  let attempt = 0;
  let failures = isHopeless ? rules.MOST_FAILURES : 0;
  let hasWorked = false;
  let timer = null;
  let isFollowing = false;
  let lastFrame = 0;

  const loss = makeLoss({ onLost, onAttemptFailed });
  const probe = makeProbe({ since, hasWorked: () => hasWorked, onPass: socketPasses });
  const behind = makeBehind({
    since,
    isOpen: () => isFollowing && isSocket(),
    lastFrame: () => lastFrame,
    onDead: () => connection.giveUp(),
  });

  function isSocket() {
    return connection?.giveUp !== undefined;
  }

  function connect() {
    clearTimeout(timer);
    timer = null;
    isFollowing = false;
    connection = rules.isHopeless(failures) ? polled() : socketed();
  }

  function connectLater() {
    timer = setTimeout(connect, nextDelay());
  }

  function nextDelay() {
    return delayBefore(attempt++, Math.random());
  }

  // By WebSocket.

  function socketed() {
    return openSocket(eventsUrl(location.href, since()), { onFrame: heard, onEnd: socketEnded });
  }

  function socketEnded(end) {
    connection = null;
    const next = afterEnd(end);
    if (next === "sign-in") signedOut();
    else if (next === "ask") askLater(end);
    else {
      countFailure(end);
      loss.lost(end.code === SERVER_STOPS, end.isSilent ? lastFrame : performance.now());
      connectLater();
    }
  }

  /** A handshake failed, and browsers do not say why: we may be signed out, the server gone, or a proxy in between may not
   * pass it. */
  function askLater(end) {
    loss.attemptFailed();
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
    probe.begin();
    return startPolling({ since, ask, poll, onFrame: heard, onEnd: pollingEnded });
  }

  function pollingEnded(problem) {
    connection = null;
    if (problem.status === UNAUTHORISED) return signedOut();
    loss.lost(false, performance.now());
    connectLater();
  }

  function socketPasses() {
    probe.stop();
    failures = 0;
    onHopeless(false);
    connection?.close();
    connect();
  }

  // Frames.

  function heard(frame) {
    lastFrame = performance.now();
    if (frame.type === "hello") found();
    onMessage(frame);
    if (frame.type === "alive") behind.noticed(frame.revision);
  }

  function found() {
    attempt = 0;
    isFollowing = true;
    hasWorked ||= isSocket();
    behind.begin();
    loss.forget();
  }

  // What the browser reports.

  /** The network is there again, or somebody looks: there is no point in waiting longer. A hidden page has slow timers. */
  function hurry() {
    if (document.hidden) return;
    if (timer !== null) connect();
    else if (isFollowing && performance.now() - lastFrame > rules.QUIET_MILLISECONDS) connection.giveUp?.();
  }

  /** The network has gone: the socket would not notice for half a minute. */
  function abandon() {
    if (connection === null) return;
    connection.close();
    connection = null;
    loss.report(performance.now());
    connectLater();
  }

  const stopListening = listen({ hurry, abandon });

  // The end, or another beginning.

  function signedOut() {
    stop();
    onSignedOut();
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
    loss.forget();
    behind.stop();
    probe.stop();
    connection?.close();
    connection = null;
    stopListening();
  }

  /** Begins anew, the same way. */
  function restart() {
    if (connection !== null) loss.lost(false, performance.now());
    connection?.close();
    connect();
  }

  connect();

  return { stop, restart, send: (order) => connection?.send(order), noticed: behind.noticed };
}

/** Returns a function that ends it. */
function listen({ hurry, abandon }) {
  addEventListener("online", hurry);
  addEventListener("offline", abandon);
  document.addEventListener("visibilitychange", hurry);
  return () => {
    removeEventListener("online", hurry);
    removeEventListener("offline", abandon);
    document.removeEventListener("visibilitychange", hurry);
  };
}
