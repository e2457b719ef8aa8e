/** Tries a WebSocket now and then while the page polls, so that the page can return to one as soon as it gets through. */

import { delayBeforeProbe, eventsUrl } from "./reconnect.js";
import { openSocket } from "./socket.js";

/** Returns `begin` and `stop`. `hasWorked()` returns whether a WebSocket has ever worked on this page; `onPass()` is called
 * when a frame arrives. */
export function makeProbe({ since, hasWorked, onPass }) {
  let probe = null;
  let count = 0;

  function begin() {
    if (probe === null) later();
  }

  function later() {
    const timer = setTimeout(open, delayBeforeProbe(count, hasWorked(), Math.random()));
    probe = { close: () => clearTimeout(timer) };
  }

  function open() {
    count += 1;
    probe = openSocket(eventsUrl(location.href, since()), { onFrame: onPass, onEnd: later });
  }

  function stop() {
    probe?.close();
    probe = null;
    count = 0;
  }

  return { begin, stop };
}
