/** Reports that the connection is lost, unless it is back at once: then nobody needs to know, and a screen reader would say
 * it each time. */

import { GRACE_MILLISECONDS } from "./reconnect.js";

/** `onLost(serverStops, millisecondsAgo)` and `onAttemptFailed()` are as in live.js. */
export function makeLoss({ onLost, onAttemptFailed }) {
  let grace = null;

  /** Notes a loss; `at` is until when what the page has was true. */
  function lost(serverStops, at) {
    if (grace !== null) return;
    if (serverStops) onLost(true, 0);
    else grace = setTimeout(report, GRACE_MILLISECONDS, at);
  }

  function report(at) {
    forget();
    onLost(false, performance.now() - at);
  }

  function attemptFailed() {
    if (grace === null) onAttemptFailed();
  }

  /** Forgets a loss, since the connection is back, or not wanted any more. */
  function forget() {
    clearTimeout(grace);
    grace = null;
  }

  return { lost, report, attemptFailed, forget };
}
