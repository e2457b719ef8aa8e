/**
 * The time of the server, since the clock of this browser may be wrong. Pure: `ticks` are milliseconds of a clock that nobody
 * sets, as `performance.now()` gives them.
 *
 * `offset` is what to add to the ticks for milliseconds since 1970, null while nothing is known. `isExact`: the server
 * named the time itself, to the millisecond; else it is from an answer's `Date`, which a proxy may have written.
 */

export const UNKNOWN = Object.freeze({ offset: null, isExact: false });

/** An answer's `Date` has whole seconds: on average so many milliseconds have passed since. */
const HALF_A_SECOND = 500;

/** Sets the clock by the time that a frame names; after a hello without one, only the `Date` of answers counts. */
export function withFrame(clock, frame, ticks) {
  const now = Date.parse(frame.now ?? "");
  if (!Number.isNaN(now)) return { offset: now - ticks, isExact: true };
  return frame.type === "hello" ? { ...clock, isExact: false } : clock;
}

/** Sets the clock by the `Date` of an answer, which counts as long as no frame has named the time. */
export function withDate(clock, text, ticks) {
  const date = Date.parse(text ?? "");
  return clock.isExact || Number.isNaN(date) ? clock : { offset: date + HALF_A_SECOND - ticks, isExact: false };
}

/** Returns the time in milliseconds since 1970; `otherwise` while nothing is known. */
export function timeOf({ offset }, ticks, otherwise) {
  return offset === null ? otherwise : ticks + offset;
}
