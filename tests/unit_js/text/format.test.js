import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import * as format from "../../../static/js/text/format.js";
import { NOW, task } from "../support.js";

const { duration, moment, percent, relative, runtimeSeconds, timeOfDay, useZone } = format;

process.env.TZ = "America/New_York";
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const after = (seconds) => new Date(NOW + seconds * 1000).toISOString();
const told = (...distances) => distances.map((seconds) => relative(after(seconds), NOW));

afterEach(() => useZone("local"));

test("a short duration has two digits", () => {
  const told = [0, 0.00001, 0.0004, 0.06, 0.4, 0.9994, 0.9999, 1.24, 9.94].map(duration);
  assert.deepEqual(told, ["0 s", "< 0.1 ms", "0.4 ms", "60 ms", "400 ms", "999 ms", "1 s", "1.2 s", "9.9 s"]);
});

test("a long duration has its two largest units, without one that is zero", () => {
  const told = [9.96, 59, 59.6, 60, 187, 3599, 3600, 3840, 86399, 86400, 183600].map(duration);
  const expected = ["10 s", "59 s", "1 m", "1 m", "3 m 07 s", "59 m 59 s", "1 h", "1 h 04 m", "23 h 59 m", "1 d", "2 d 03 h"];
  assert.deepEqual(told, expected);
});

test("a time of day has seconds and 24 hours", () => {
  assert.equal(timeOfDay(new Date(2025, 10, 24, 0, 3, 11)), "00:03:11");
});

test("a time of today has no date, and one of another year has the year", () => {
  const now = new Date(2025, 10, 24, 18, 0, 0).getTime();
  assert.equal(moment(new Date(2025, 10, 24, 12, 3, 11).toISOString(), now), "12:03:11");
  assert.match(moment(new Date(2025, 10, 23, 12, 3, 11).toISOString(), now), /23.*12:03$|12:03.*23/);
  assert.match(moment(new Date(2024, 10, 24, 12, 3, 11).toISOString(), now), /2024/);
});

test("less than ten seconds away is now, whichever clock is ahead", () => {
  assert.deepEqual(told(-9.9, 0, 9.9), ["just now", "just now", "just now"]);
});

test("the past is rounded down, and seconds are counted in tens", () => {
  assert.deepEqual(told(-10, -29, -59.9), ["10 seconds ago", "20 seconds ago", "50 seconds ago"]);
  assert.deepEqual(told(-MINUTE, -2 * MINUTE + 1, -HOUR + 1), ["1 minute ago", "1 minute ago", "59 minutes ago"]);
  assert.deepEqual(told(-HOUR, -DAY + 1), ["1 hour ago", "23 hours ago"]);
  assert.deepEqual(told(-DAY, -7 * DAY + 1), ["1 day ago", "6 days ago"]);
});

test("the future is rounded to the nearest unit", () => {
  assert.deepEqual(told(14, 26, 54), ["in 10 seconds", "in 30 seconds", "in 50 seconds"]);
  assert.deepEqual(told(56, 119, 4 * MINUTE), ["in 1 minute", "in 2 minutes", "in 4 minutes"]);
  assert.deepEqual(told(HOUR - 1, 3 * HOUR, DAY - 1, 2 * DAY), ["in 1 hour", "in 3 hours", "in 1 day", "in 2 days"]);
});

test("from a week on, the day is shown, and the year if it is another one", () => {
  const [ago, ahead, longAgo] = told(-7 * DAY, 8 * DAY, -400 * DAY);
  assert.match(ago, /^(?=.*17)(?!.*2025)/);
  assert.match(ahead, /^(?=.*\b2\b)(?!.*2025)/);
  assert.match(longAgo, /2024/);
});

test("in UTC, every time says so and has the date in UTC", () => {
  const text = "2025-11-24T02:03:11.000Z";
  assert.match(format.exactMoment(text), /23.*21:03:11$/);
  useZone("utc");
  assert.match(format.exactMoment(text), /24.*02:03:11 UTC$/);
  assert.match(format.fullMoment(text), /24.*02:03:11 UTC$/);
  assert.equal(timeOfDay(Date.parse(text)), "02:03:11 UTC");
  assert.equal(moment(text, NOW), "02:03:11 UTC");
  assert.match(moment("2025-11-23T23:59:00.000Z", NOW), /23.*23:59 UTC$/);
  assert.equal(relative(text, NOW), "9 hours ago");
});

test("in the local zone the full moment names the zone", () => {
  assert.match(format.fullMoment("2025-11-24T12:00:00.000Z"), /07:00:00 (EST|GMT-5)$/);
});

test("bytes have the largest unit of which there is at least one", () => {
  const told = [0, 512, 1023, 1024, 1536, 10 * 1024, 1048575, 340 * 2 ** 20, 2.25 * 2 ** 30].map(format.bytes);
  const expected = ["0 B", "512 B", "1.023 B", "1.0 KiB", "1.5 KiB", "10 KiB", "1.0 MiB", "340 MiB", "2.3 GiB"];
  assert.deepEqual(told.map((text) => text.replace(",", ".")), expected);
});

test("percent is a whole number", () => assert.equal(percent(36.6), "37%"));

test("a task has a runtime when it has started and ended", () => {
  const times = { started: "2025-11-24T12:00:00.000Z", ended: "2025-11-24T12:00:01.500Z" };
  assert.equal(runtimeSeconds(task(1, times)), 1.5);
  assert.equal(runtimeSeconds(task(1, { ...times, started: null })), null);
  assert.equal(runtimeSeconds(task(1, { ...times, ended: null })), null);
});

test("places in a line are ordinal numbers", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12].map(format.ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th"]);
});

test("a count has its noun in the singular or the plural", () => {
  assert.deepEqual([0, 1, 2, 3000].map((count) => format.counted(count, "task")), ["0 tasks", "1 task", "2 tasks", `${format.number(3000)} tasks`]);
});
