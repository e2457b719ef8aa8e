/** Rules for connecting again: when and how. Pure. */

export const SERVER_STOPS = 1001;
const CREDENTIALS_ENDED = 1008;

/** A socket that has been silent for this long is dead: the server sends something every 25 seconds. */
export const QUIET_MILLISECONDS = 30000;
/** The time limit on a handshake with the first frame after it. */
export const HELLO_MILLISECONDS = 8000;
/** A connection that is back within this time does not count as lost. */
export const GRACE_MILLISECONDS = 3000;
/** Frames catch up with the revision of an answer within this time. */
export const BEHIND_MILLISECONDS = 5000;

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15000;
const FIRST_PROBE = 30000;
const FIRST_PROBE_AGAIN = 5000;
const LONGEST_PROBE = 600000;
/** After this many failed handshakes or silent sockets in a row, the page polls. */
export const MOST_FAILURES = 3;

/** Returns how long to wait before attempt number `attempt` (from 0), in milliseconds: doubled each time, and different for
 * each page that lost the same server. `random` is from 0 to 1. */
export function delayBefore(attempt, random) {
  const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
  return ceiling / 2 + (random * ceiling) / 2;
}

/** Returns how long to poll before trying a WebSocket for the time number `probe` (from 0), in milliseconds: sooner if one
 * `hasWorked` on this page. */
export function delayBeforeProbe(probe, hasWorked, random) {
  const first = hasWorked ? FIRST_PROBE_AGAIN : FIRST_PROBE;
  return Math.min(LONGEST_PROBE, first * 2 ** probe) * (1 + random / 4);
}

/** Returns the address of the events, after revision `since` if there is one. */
export function eventsUrl(pageUrl, since) {
  const url = new URL("/openattic/api/taskqueue/events", pageUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (since !== null) url.searchParams.set("since", String(since));
  return url.href;
}

/**
 * Returns what to do after a socket has ended: "sign-in", "connect" again, or "ask" by REST whether the session and the server
 * are still there. `code` is its close code, `wasHeard` whether a frame came.
 */
export function afterEnd({ code, wasHeard }) {
  if (code === CREDENTIALS_ENDED) return "sign-in";
  return wasHeard ? "connect" : "ask";
}

/**
 * Returns how often in a row sockets have failed although the server answers. If none `hasWorked` on this page, the first one
 * that hangs is enough: something swallows it, and a person has waited long enough. A socket that soon falls silent has
 * failed as well.
 */
export function failuresAfter(failures, { wasHeard, isSilent, wasLong }, hasWorked) {
  if (wasHeard) return isSilent && !wasLong ? failures + 1 : 0;
  return isSilent && !hasWorked ? MOST_FAILURES : failures + 1;
}

/** Returns whether to poll for changes. */
export function isHopeless(failures) {
  return failures >= MOST_FAILURES;
}
