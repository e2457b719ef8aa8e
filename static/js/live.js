/** Keeps a WebSocket open to the server's changes, and opens another one when it is lost. */

import { SERVER_STOPS, afterClose, delayBefore, eventsUrl } from "./reconnect.js";

/**
 * Begins, and returns `stop` and `restart`.
 *
 * `since()` says from which revision to go on (null: from the present), `ask()` rejects with `status` 401 where the
 * sign-in has ended. Told are `onMessage(frame)`, `onLost(serverStops)`, `onAttemptFailed()` and `onSignedOut()`.
 */
export function follow({ since, ask, onMessage, onLost, onAttemptFailed, onSignedOut }) {
  let socket = null;
  let attempt = 0;
  let timer = null;

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
      onMessage(JSON.parse(data));
    };
    opened.onclose = ({ code }) => {
      if (socket === opened) lost(code, wasOpen);
    };
  }

  function lost(code, wasOpen) {
    socket = null;
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

  /** The network is there again, or somebody looks: there is no point in waiting on. */
  function hurry() {
    if (timer !== null && !document.hidden) connect();
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

  return { stop, restart };
}
