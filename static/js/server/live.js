/**
 * Keeps a connection open to the server's changes, and opens another one when it is lost: a WebSocket, or requests that wait
 * for changes if the server answers but no WebSocket gets through. While frames arrive it makes no other requests.
 */

import { makeBehind } from "./behind.js";
import { makeLoss } from "./loss.js";
import { startPolling } from "./polling.js";
import { makeProbe } from "./probe.js";
import * as rules from "./reconnect.js";
import { openSocket } from "./socket.js";

const UNAUTHORISED = 401;

/**
 * Begins to follow the changes, and returns a Follower.
 *
 * `since()` returns the revision after which to continue (null: from the present), `ask()` and `poll()` are as in polling.js
 * and reject with `status` 401 if the session has ended. The follower calls `onMessage(frame)`, `onLost(serverStops,
 * millisecondsAgo)` (unless the connection is back at once), `onAttemptFailed()` and `onSignedOut()`. `isHopeless`:
 * begin by polling; `onHopeless(isHopeless)` is called when that changes.
 */
export function follow(options) {
  const follower = new Follower(options);
  follower.begin();
  return follower;
}

/** Follows the server's changes by one connection after the other. */
class Follower {
  #options;
  #connection = null;
  /** Until the next attempt to connect. */
  #timer = null;
  #attempt = 0;
  #failures;
  #hasWorked = false;
  #isFollowing = false;
  #lastFrame = 0;
  #loss;
  #probe;
  #behind;
  #hurry = () => this.#connectSooner();
  #abandon = () => this.#abandonConnection();

  constructor(options) {
    const { since, isHopeless } = options;
    this.#options = options;
    this.#failures = isHopeless ? rules.MOST_FAILURES : 0;
    this.#loss = makeLoss(options);
    this.#probe = makeProbe({ since, hasWorked: () => this.#hasWorked, onPass: () => this.#goBackToSockets() });
    this.#behind = makeBehind({
      since,
      isOpen: () => this.#isFollowing && this.#isSocket(),
      lastFrame: () => this.#lastFrame,
      onDead: () => this.#connection.giveUp(),
    });
  }

  begin() {
    addEventListener("online", this.#hurry);
    addEventListener("offline", this.#abandon);
    document.addEventListener("visibilitychange", this.#hurry);
    this.#connect();
  }

  stop() {
    this.#stopTimer();
    this.#loss.forget();
    this.#behind.stop();
    this.#probe.stop();
    this.#close();
    removeEventListener("online", this.#hurry);
    removeEventListener("offline", this.#abandon);
    document.removeEventListener("visibilitychange", this.#hurry);
  }

  /** Connects again, in the same way. */
  restart() {
    if (this.#connection !== null) this.#loss.lost(false, performance.now());
    this.#close();
    this.#connect();
  }

  send(order) {
    this.#connection?.send(order);
  }

  /** Notes the revision of an answer: frames should bring it soon. */
  noticed(revision) {
    this.#behind.noticed(revision);
  }

  #connect() {
    this.#stopTimer();
    this.#isFollowing = false;
    this.#connection = rules.isHopeless(this.#failures) ? this.#startPolling() : this.#openSocket();
  }

  #connectLater(connect = () => this.#connect()) {
    this.#timer = setTimeout(connect, rules.delayBefore(this.#attempt++, Math.random()));
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #close() {
    this.#connection?.close();
    this.#connection = null;
  }

  #isSocket() {
    return this.#connection?.giveUp !== undefined;
  }

  // By WebSocket.

  #openSocket() {
    const url = rules.eventsUrl(location.href, this.#options.since());
    return openSocket(url, { onFrame: (frame) => this.#received(frame), onEnd: (end) => this.#socketEnded(end) });
  }

  #socketEnded(end) {
    this.#connection = null;
    const next = rules.afterEnd(end);
    if (next === "sign-in") this.#signedOut();
    else if (next === "ask") this.#askLater(end);
    else {
      this.#countFailure(end);
      this.#loss.lost(end.code === rules.SERVER_STOPS, end.isSilent ? this.#lastFrame : performance.now());
      this.#connectLater();
    }
  }

  /** Finds out by a request why a handshake failed, since browsers do not say: the session may have ended, the server be gone,
   * or a proxy block WebSockets. */
  #askLater(end) {
    this.#loss.attemptFailed();
    this.#connectLater(() => this.#askThenConnect(end));
  }

  async #askThenConnect(end) {
    const asking = this.#timer;
    const isOutdated = () => this.#timer !== asking;
    try {
      await this.#options.ask();
      if (isOutdated()) return;
      this.#countFailure(end);
      this.#connect();
    } catch (problem) {
      if (isOutdated()) return;
      this.#failures = 0;
      if (problem.status === UNAUTHORISED) this.#signedOut();
      else this.#askLater(end);
    }
  }

  #countFailure(end) {
    this.#failures = rules.failuresAfter(this.#failures, end, this.#hasWorked);
    if (rules.isHopeless(this.#failures)) this.#options.onHopeless(true);
  }

  // By polling.

  #startPolling() {
    const { since, ask, poll } = this.#options;
    this.#probe.begin();
    return startPolling({ since, ask, poll, onFrame: (frame) => this.#received(frame), onEnd: (problem) => this.#pollingEnded(problem) });
  }

  #pollingEnded(problem) {
    this.#connection = null;
    if (problem.status === UNAUTHORISED) return this.#signedOut();
    this.#loss.lost(false, performance.now());
    this.#connectLater();
  }

  /** Returns to WebSockets, since one got through. */
  #goBackToSockets() {
    this.#probe.stop();
    this.#failures = 0;
    this.#options.onHopeless(false);
    this.#connection?.close();
    this.#connect();
  }

  // Frames.

  #received(frame) {
    this.#lastFrame = performance.now();
    if (frame.type === "hello") this.#found();
    this.#options.onMessage(frame);
    if (frame.type === "alive") this.noticed(frame.revision);
  }

  #found() {
    this.#attempt = 0;
    this.#isFollowing = true;
    this.#hasWorked ||= this.#isSocket();
    this.#behind.begin();
    this.#loss.forget();
  }

  // What the browser reports.

  /** Connects without waiting, since the network is back or the page became visible: timers of hidden pages are slow. */
  #connectSooner() {
    if (document.hidden) return;
    const isSilent = performance.now() - this.#lastFrame > rules.QUIET_MILLISECONDS;
    if (this.#timer !== null) this.#connect();
    else if (this.#isFollowing && isSilent) this.#connection.giveUp?.();
  }

  /** Gives up the connection, since the network is gone: the socket would not notice for half a minute. */
  #abandonConnection() {
    if (this.#connection === null) return;
    this.#close();
    this.#loss.report(performance.now());
    this.#connectLater();
  }

  #signedOut() {
    this.stop();
    this.#options.onSignedOut();
  }
}
