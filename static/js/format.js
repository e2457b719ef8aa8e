/** Times, durations and numbers as people read them. Pure: the present is an argument, in milliseconds. */

const NUMBER = new Intl.NumberFormat();
const TIME = new Intl.DateTimeFormat(undefined, clock("second"));
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", ...clock() });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", ...clock() });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });

function clock(...more) {
  const fields = ["hour", "minute", ...more].map((field) => [field, "2-digit"]);
  return { ...Object.fromEntries(fields), hourCycle: "h23" };
}

export function number(value) {
  return NUMBER.format(value);
}

export function percent(value) {
  return `${number(Math.round(value))}%`;
}

/** `12:03:11`, in the time zone of the browser. */
export function timeOfDay(moment) {
  return TIME.format(new Date(moment));
}

/** The time alone today, with the day on other days, with the year in other years. */
export function moment(text, now) {
  const then = new Date(text);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return TIME.format(then);
  return (then.getFullYear() === today.getFullYear() ? DAY_AND_TIME : DATE_AND_TIME).format(then);
}

/** The day with its year, and the time to the second. */
export function exactMoment(text) {
  return EXACT.format(new Date(text));
}

/** Everything there is to say about a moment: for tooltips. */
export function fullMoment(text) {
  return FULL.format(new Date(text));
}

const SECONDS_A_MINUTE = 60;
const SECONDS_AN_HOUR = 3600;
const SECONDS_A_DAY = 86400;

/** `1 h 04 m`: the two largest units. */
export function duration(seconds) {
  if (seconds < 1) return "< 1 s";
  const whole = Math.round(seconds);
  if (whole < SECONDS_A_MINUTE) return `${whole} s`;
  if (whole < SECONDS_AN_HOUR) return twoUnits(whole, SECONDS_A_MINUTE, "m", 1, "s");
  if (whole < SECONDS_A_DAY) return twoUnits(whole, SECONDS_AN_HOUR, "h", SECONDS_A_MINUTE, "m");
  return twoUnits(whole, SECONDS_A_DAY, "d", SECONDS_AN_HOUR, "h");
}

function twoUnits(seconds, large, largeName, small, smallName) {
  const rest = Math.floor((seconds % large) / small);
  return `${number(Math.floor(seconds / large))} ${largeName} ${String(rest).padStart(2, "0")} ${smallName}`;
}

/** From its first start to its end; null where it never started or has not ended. */
export function runtimeSeconds(task) {
  if (task.started === null || task.ended === null) return null;
  return Math.max(0, (new Date(task.ended) - new Date(task.started)) / 1000);
}
