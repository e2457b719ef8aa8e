/** While the page polls: tries a WebSocket now and then, so that it can go back to one as soon as it gets through. */

import { delayBeforeProbe, eventsUrl } from "./reconnect.js";
import { openSocket } from "./socket.js";

/** Returns `begin` and `stop`. `hasWorked()`: whether a WebSocket ever worked on this page; `onPass()` is called when a frame
 * comes. */
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
