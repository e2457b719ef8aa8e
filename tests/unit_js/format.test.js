import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, moment, percent, runtimeSeconds, timeOfDay } from "../../static/js/format.js";
import { task } from "./support.js";

test("a duration is told in its two largest units", () => {
  const told = [0.4, 1, 59, 60, 187, 3599, 3840, 86399, 183600].map(duration);
  assert.deepEqual(told, ["< 1 s", "1 s", "59 s", "1 m 00 s", "3 m 07 s", "59 m 59 s", "1 h 04 m", "23 h 59 m", "2 d 03 h"]);
});

test("a time of day has seconds and 24 hours", () => {
  assert.equal(timeOfDay(new Date(2025, 10, 24, 0, 3, 11)), "00:03:11");
});

test("a moment of today is told without its day, and of another year with the year", () => {
  const now = new Date(2025, 10, 24, 18, 0, 0).getTime();
  assert.equal(moment(new Date(2025, 10, 24, 12, 3, 11).toISOString(), now), "12:03:11");
  assert.match(moment(new Date(2025, 10, 23, 12, 3, 11).toISOString(), now), /23.*12:03$|12:03.*23/);
  assert.match(moment(new Date(2024, 10, 24, 12, 3, 11).toISOString(), now), /2024/);
});

test("percent is a whole number", () => assert.equal(percent(36.6), "37%"));

test("a task has a runtime when it has started and ended", () => {
  const times = { started: "2025-11-24T12:00:00.000Z", ended: "2025-11-24T12:00:01.500Z" };
  assert.equal(runtimeSeconds(task(1, times)), 1.5);
  assert.equal(runtimeSeconds(task(1, { ...times, started: null })), null);
  assert.equal(runtimeSeconds(task(1, { ...times, ended: null })), null);
});
