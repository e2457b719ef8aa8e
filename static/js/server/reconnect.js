/** When and how to connect again. Pure. */

export const SERVER_STOPS = 1001;
const CREDENTIALS_ENDED = 1008;

/** A socket that has been silent for so long is dead: the server says something each 25 seconds. */
export const QUIET_MILLISECONDS = 30000;
/** The time limit on a handshake with the first frame after it. */
export const HELLO_MILLISECONDS = 8000;
/** A connection that is back by then does not count as lost. */
export const GRACE_MILLISECONDS = 3000;
/** Frames bring what an answer knows already within this time. */
export const BEHIND_MILLISECONDS = 5000;

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15000;
const FIRST_PROBE = 30000;
const FIRST_PROBE_AGAIN = 5000;
const LONGEST_PROBE = 600000;
/** After so many handshakes in a row that failed, or sockets that fell silent, the page polls. */
export const MOST_FAILURES = 3;

/** Returns how long to wait before attempt number `attempt` (from 0), in milliseconds: doubling, and never the same for all
 * pages that lost the same server. `random` is from 0 to 1. */
export function delayBefore(attempt, random) {
  const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
  return ceiling / 2 + (random * ceiling) / 2;
}

/** Returns how long to poll before a WebSocket is tried again, for the time number `probe` (from 0), in milliseconds: sooner if
 * one `hasWorked` on this page. */
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
 * Returns what a socket that has ended asks for: "sign-in", "connect" again, or "ask" by REST whether we are still signed in
 * and the server is there. `code` is that of its end, `wasHeard` whether a frame came.
 */
export function afterEnd({ code, wasHeard }) {
  if (code === CREDENTIALS_ENDED) return "sign-in";
  return wasHeard ? "connect" : "ask";
}

/**
 * Counts how often in a row sockets have failed although the server answers. If none `hasWorked` on this page, one that hangs
 * counts for all: something swallows it, and a person has waited long enough. A socket on which frames stop coming has
 * failed as well, if that happens each time.
 */
export function failuresAfter(failures, { wasHeard, isSilent, wasLong }, hasWorked) {
  if (wasHeard) return isSilent && !wasLong ? failures + 1 : 0;
  return isSilent && !hasWorked ? MOST_FAILURES : failures + 1;
}

/** Returns whether to follow the changes by polling. */
export function isHopeless(failures) {
  return failures >= MOST_FAILURES;
}
