/** Reports that the connection is lost, unless it is back at once: nobody needs to know then, and screen readers would announce
 * it each time. */

import { GRACE_MILLISECONDS } from "./reconnect.js";

/** `onLost(serverStops, millisecondsAgo)` and `onAttemptFailed()` are as in live.js. */
export function makeLoss({ onLost, onAttemptFailed }) {
  let grace = null;

  /** Notes a loss; `at` is when the page's data was last current. */
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

  /** Forgets a loss, since the connection is back or no longer wanted. */
  function forget() {
    clearTimeout(grace);
    grace = null;
  }

  return { lost, report, attemptFailed, forget };
}
