/** When and how to connect again. Pure. */

export const SERVER_STOPS = 1001;
export const CREDENTIALS_ENDED = 1008;

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15000;

/** How long to wait before attempt number `attempt` (from 0), in milliseconds: doubling, and never the same for all
 * pages that lost the same server. `random` is from 0 to 1. */
export function delayBefore(attempt, random) {
  const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
  return ceiling / 2 + (random * ceiling) / 2;
}

/** Where the events are, going on from `since` if something is known already. */
export function eventsUrl(pageUrl, since) {
  const url = new URL("/openattic/api/taskqueue/events", pageUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (since !== null) url.searchParams.set("since", String(since));
  return url.href;
}

/** What a closed socket asks for: to sign in, to ask whether we are still signed in, or to connect again. */
export function afterClose(code, wasOpen) {
  if (code === CREDENTIALS_ENDED) return "sign-in";
  return wasOpen ? "connect" : "ask";
}
