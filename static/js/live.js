/** Keeps a WebSocket open to the server's changes, and opens another one when it is lost. */

import { SERVER_STOPS, afterClose, delayBefore, eventsUrl } from "./reconnect.js";

/** After so long without a word from the server it is asked whether it is still there: a network that has gone says nothing. */
const QUIET_MILLISECONDS = 20000;

/**
 * Begins, and returns `stop`, `restart` and `send`.
 *
 * `since()` says from which revision to go on (null: from the present), `ask()` rejects with `status` 401 where the
 * sign-in has ended, and 0 where the server cannot be reached. Told are `onMessage(frame)`, `onLost(serverStops)`,
 * `onAttemptFailed()` and `onSignedOut()`.
 */
export function follow({ since, ask, onMessage, onLost, onAttemptFailed, onSignedOut }) {
  let socket = null;
  let attempt = 0;
  let timer = null;
  let quiet = null;

  function connect() {
    clearTimeout(timer);
    timer = null;
    const opened = new WebSocket(eventsUrl(location.href, since()));
    let wasOpen = false;
    socket = opened;
    opened.onmessage = ({ data }) => {
      if (socket !== opened) return;
      wasOpen = true;
      attempt = 0;
      listen(QUIET_MILLISECONDS);
      onMessage(JSON.parse(data));
    };
    opened.onclose = ({ code }) => {
      if (socket === opened) lost(code, wasOpen);
    };
  }

  function lost(code, wasOpen) {
    socket = null;
    clearTimeout(quiet);
    const next = afterClose(code, wasOpen);
    if (next === "sign-in") {
      stop();
      onSignedOut();
      return;
    }
    wasOpen ? onLost(code === SERVER_STOPS) : onAttemptFailed();
    connectLater(next === "ask");
  }

  function connectLater(askFirst) {
    timer = setTimeout(askFirst ? askThenConnect : connect, delayBefore(attempt, Math.random()));
    attempt += 1;
  }

  /** A handshake was refused, and a browser does not say why: it may be that we are not signed in any more. */
  async function askThenConnect() {
    const asking = timer;
    try {
      await ask();
      if (timer === asking) connect();
    } catch (problem) {
      if (timer !== asking) return;
      if (problem.status === 401) {
        stop();
        onSignedOut();
      } else {
        onAttemptFailed();
        connectLater(true);
      }
    }
  }

  function listen(milliseconds) {
    clearTimeout(quiet);
    quiet = setTimeout(checkQuiet, milliseconds);
  }

  /** Nothing was heard for long: is the server still there? While nobody looks, that can wait. */
  async function checkQuiet() {
    const silent = socket;
    if (silent === null || document.hidden) return;
    const asked = quiet;
    try {
      await ask();
      if (quiet === asked) listen(QUIET_MILLISECONDS);
    } catch (problem) {
      if (socket === silent && quiet === asked && problem.status === 0) abandon();
    }
  }

  /** The network is there again, or somebody looks: there is no point in waiting on. */
  function hurry() {
    if (document.hidden) return;
    if (timer !== null) connect();
    else if (socket?.readyState === WebSocket.OPEN) listen(0);
  }

  /** The network has gone: the socket would not notice for minutes. */
  function abandon() {
    if (socket === null) return;
    const abandoned = socket;
    lost(0, true);
    abandoned.close();
  }

  function stop() {
    clearTimeout(timer);
    clearTimeout(quiet);
    timer = null;
    const closing = socket;
    socket = null;
    closing?.close();
    removeEventListener("online", hurry);
    removeEventListener("offline", abandon);
    document.removeEventListener("visibilitychange", hurry);
  }

  addEventListener("online", hurry);
  addEventListener("offline", abandon);
  document.addEventListener("visibilitychange", hurry);
  connect();

  function restart() {
    const closing = socket;
    socket = null;
    closing?.close();
    connect();
  }

  /** Tells the server something, where there is a connection at the moment. */
  function send(order) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(order));
  }

  return { stop, restart, send };
}
