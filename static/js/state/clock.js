/**
 * The server's time, since this browser's clock may be wrong. Pure: `ticks` are milliseconds of a monotonic clock, as returned
 * by `performance.now()`.
 *
 * `offset` plus the ticks are milliseconds since 1970; null while nothing is known. `isExact`: a frame of the server named the
 * time, to the millisecond; otherwise it is from an answer's `Date`, which a proxy may have written.
 */

export const UNKNOWN = Object.freeze({ offset: null, isExact: false });

/** Added to an answer's `Date`, which is rounded down to seconds. */
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
