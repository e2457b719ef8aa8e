/** Parses dates and times typed in the page's time zone, also around clock changes. Pure except for the browser's zone. */

const MINUTE_MILLISECONDS = 60000;
const HALF_A_DAY = 12 * 60 * MINUTE_MILLISECONDS;

/**
 * Returns `{ at, kind }` of a text like `2025-10-26T02:30`: `at` in milliseconds since 1970, null if the text is no time.
 * `kind` is "plain", "skipped" if the clocks skip that time (`at` is later by as much), or "doubled" if it occurs twice because
 * they go back (`at` is the first, unless `isSecondMeant`). `zone` is "local" or "utc", as in the preferences.
 */
export function timeTyped(text, zone, isSecondMeant = false) {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return { at: null, kind: "plain" };
  return zone === "utc" ? { at: asUtc, kind: "plain" } : localTime(asUtc, isSecondMeant);
}

function localTime(asUtc, isSecondMeant) {
  const withOffsetOf = (at) => asUtc + minutesBehind(at) * MINUTE_MILLISECONDS;
  const [before, after] = [asUtc - HALF_A_DAY, asUtc + HALF_A_DAY].map(withOffsetOf);
  if (before === after) return { at: before, kind: "plain" };
  const isTime = (at) => withOffsetOf(at) === at;
  const times = [before, after].filter(isTime);
  if (times.length === 0) return { at: before, kind: "skipped" };
  const at = isSecondMeant ? Math.max(...times) : Math.min(...times);
  return { at, kind: times.length === 2 ? "doubled" : "plain" };
}

function minutesBehind(at) {
  return new Date(at).getTimezoneOffset();
}

/** Returns `UTC+02:00`, `UTC-03:30`, `UTC`: how far the zone is from UTC at a moment. */
export function offsetText(at, zone) {
  const minutes = zone === "utc" ? 0 : -minutesBehind(at);
  if (minutes === 0) return "UTC";
  const two = (count) => String(count).padStart(2, "0");
  const distance = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${two(Math.floor(distance / 60))}:${two(distance % 60)}`;
}
