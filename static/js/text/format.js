/**
 * Formats times, durations and numbers for people. Pure except for the time zone, which applies to the whole page; the
 * current time is an argument, in milliseconds.
 */

const NUMBER = new Intl.NumberFormat();
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short" };

/** The options of each formatter. Formatters are created on first use, and again after a change of zone. */
const FORMATS = {
  timeOfDay: { ...CLOCK, second: "2-digit" },
  dayAndTime: { ...DAY, ...CLOCK },
  dateAndTime: { ...DAY, year: "numeric", ...CLOCK },
  day: DAY,
  date: { ...DAY, year: "numeric" },
  exact: { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" },
  full: { dateStyle: "full", timeStyle: "medium", hourCycle: "h23" },
  fullWithZone: { dateStyle: "full", timeStyle: "long", hourCycle: "h23" },
  year: { year: "numeric" },
};

const ZONES = { local: { timeZone: undefined, suffix: "" }, utc: { timeZone: "UTC", suffix: " UTC" } };

let zone = ZONES.local;
let made = new Map();

/** Sets the time zone of all times formatted from now on: "local", the browser's, or "utc". */
export function useZone(name) {
  zone = ZONES[name];
  made = new Map();
}

function formatted(name, date) {
  if (!made.has(name)) made.set(name, new Intl.DateTimeFormat(undefined, { ...FORMATS[name], timeZone: zone.timeZone }));
  return made.get(name).format(date);
}

function isSame(name, one, other) {
  return formatted(name, one) === formatted(name, other);
}

/** Returns the day of a moment, in the zone of the page. */
export function dateOf(moment) {
  return formatted("date", new Date(moment));
}

export function number(value) {
  return NUMBER.format(value);
}

const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS = { one: "st", two: "nd", few: "rd", other: "th" };

/** Returns `1st`, `2nd`, `3rd`, `11th`. */
export function ordinal(count) {
  return `${number(count)}${ENDINGS[ORDINALS.select(count)]}`;
}

/** Returns a text with its first letter in upper case. */
export function capitalised(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}`;
}

/** Returns `1 task`, `3,000 tasks`. */
export function counted(count, one) {
  return count === 1 ? `1 ${one}` : `${number(count)} ${one}s`;
}

export function percent(value) {
  return `${number(Math.round(value))}%`;
}

/** Returns `12:03:11`. */
export function timeOfDay(moment) {
  return formatted("timeOfDay", new Date(moment)) + zone.suffix;
}

/** Returns the time of day; on other days with the day, in other years with the year. */
export function moment(text, now) {
  const then = new Date(text);
  if (isSame("date", then, now)) return timeOfDay(then);
  return formatted(isSame("year", then, now) ? "dayAndTime" : "dateAndTime", then) + zone.suffix;
}

/** Returns the day with its year, and the time to the second. */
export function exactMoment(text) {
  return formatted("exact", new Date(text)) + zone.suffix;
}

/** Formats a moment in full, for tooltips. */
export function fullMoment(text) {
  return formatted(zone.suffix ? "full" : "fullWithZone", new Date(text)) + zone.suffix;
}

const SECONDS_A_MINUTE = 60;
const SECONDS_AN_HOUR = 3600;
const SECONDS_A_DAY = 86400;
const NOW_SECONDS = 10;

/** In the page's own language, like the words around it. */
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** For each unit: its length in seconds, the step in which it is counted, and the count at which the next larger unit takes
 * over. Seconds are counted in tens, since a number that keeps changing would distract. */
const UNITS = [
  { unit: "second", seconds: 1, step: 10, end: 60 },
  { unit: "minute", seconds: SECONDS_A_MINUTE, step: 1, end: 60 },
  { unit: "hour", seconds: SECONDS_AN_HOUR, step: 1, end: 24 },
  { unit: "day", seconds: SECONDS_A_DAY, step: 1, end: 7 },
];

/** Returns `just now`, `20 seconds ago`, `in 4 minutes`; beyond a week the day. The past is rounded down, the future to the
 * nearest unit. */
export function relative(text, now) {
  const distance = (Date.parse(text) - now) / 1000;
  if (Math.abs(distance) < NOW_SECONDS) return "just now";
  for (const { unit, seconds, step, end } of UNITS) {
    const count = (distance < 0 ? Math.floor : Math.round)(Math.abs(distance) / seconds / step) * step;
    if (count < end) return RELATIVE.format(distance < 0 ? -count : count, unit);
  }
  return dayOf(new Date(text), now);
}

function dayOf(date, now) {
  return formatted(isSame("year", date, now) ? "day" : "date", date);
}

/** Formats a duration, the same everywhere: `0.4 ms`, `400 ms`, `1.2 s`, `14 s`, `3 m 07 s`, `1 h 04 m`, `2 d`: to two digits,
 * or in the two largest units, the second one only if it is not zero. */
export function duration(seconds) {
  if (seconds <= 0) return "0 s";
  if (seconds < 0.00005) return `< ${number(0.1)} ms`;
  if (seconds < 0.9995) return `${twoDigits(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${twoDigits(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < SECONDS_A_MINUTE) return `${number(whole)} s`;
  if (whole < SECONDS_AN_HOUR) return twoUnits(whole, SECONDS_A_MINUTE, "m", 1, "s");
  if (whole < SECONDS_A_DAY) return twoUnits(whole, SECONDS_AN_HOUR, "h", SECONDS_A_MINUTE, "m");
  return twoUnits(whole, SECONDS_A_DAY, "d", SECONDS_AN_HOUR, "h");
}

function twoDigits(value) {
  return number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

function twoUnits(seconds, large, largeName, small, smallName) {
  const first = `${number(Math.floor(seconds / large))} ${largeName}`;
  const rest = Math.floor((seconds % large) / small);
  return rest === 0 ? first : `${first} ${String(rest).padStart(2, "0")} ${smallName}`;
}

/** Returns the seconds from the task's first start to its end; null if it never started or has not ended. */
export function runtimeSeconds(task) {
  if (task.started === null || task.ended === null) return null;
  return Math.max(0, (new Date(task.ended) - new Date(task.started)) / 1000);
}

const ONE_DECIMAL = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Returns `512 B`, `1.5 KiB`, `340 MiB`. */
export function bytes(count) {
  let [value, size] = [count, 0];
  while (Math.round(value) >= 1024 && size < SIZES.length - 1) [value, size] = [value / 1024, size + 1];
  const isShort = size > 0 && value < 9.95;
  return `${isShort ? ONE_DECIMAL.format(value) : number(Math.round(value))} ${SIZES[size]}`;
}
