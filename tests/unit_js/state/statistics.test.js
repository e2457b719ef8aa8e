import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backText,
  meanWaitingSeconds,
  minuteText,
  pendingText,
  stateWords,
  sumOf,
  throughput,
  throughputText,
  waiting,
  meanWaitingText,
  workersText,
} from "../../../static/js/state/statistics.js";
import { timeOfDay } from "../../../static/js/text/format.js";

const EMPTY = { created: 0, started: 0, finished: 0, failed: 0, waiting_seconds: null, running_seconds: null };

/** An hour of minutes from 11:01 on, empty but for those that are given by how far they lie back. */
function hour(given = {}) {
  return Array.from({ length: 60 }, (_, index) => ({
    ...EMPTY,
    minute: new Date(Date.UTC(2025, 10, 24, 11, 1 + index)).toISOString(),
    ...given[index - 59],
  }));
}

test("the last minute is now, and the first lies 59 minutes back", () => {
  const { x } = throughput(hour());
  assert.deepEqual([x.length, x[0], x.at(-1)], [60, -59, 0]);
});

test("tasks that ended are counted by how they ended", () => {
  const { finished, failed } = throughput(hour({ [-1]: { finished: 4, failed: 1 } }));
  assert.deepEqual([finished.slice(-2), failed.slice(-2)], [[4, 0], [1, 0]]);
});

test("a minute in which nothing was started is a gap, not a wait of no time", () => {
  assert.deepEqual(waiting(hour({ 0: { started: 1, waiting_seconds: 0 } })).seconds.slice(-2), [null, 0]);
});

test("nothing is made of no minutes", () => {
  assert.deepEqual([sumOf([], "finished"), throughput([]).x], [0, []]);
});

test("the mean counts tasks, not minutes", () => {
  const minutes = hour({ [-5]: { started: 9, waiting_seconds: 1 }, 0: { started: 1, waiting_seconds: 11 } });
  assert.equal(meanWaitingSeconds(minutes), 2);
  assert.equal(meanWaitingText(minutes), "Tasks waited 2 s on average");
});

test("if nothing was started, nothing waited", () => {
  assert.equal(meanWaitingSeconds(hour()), null);
  assert.equal(meanWaitingText(hour()), "No tasks were started in the last hour.");
});

test("how many ended includes those that failed", () => {
  const minutes = hour({ [-30]: { finished: 139 }, [-2]: { failed: 3 } });
  assert.equal(throughputText(minutes), "142 ended in the last hour, 3 failed");
});

test("that none failed is worth saying", () => {
  assert.equal(throughputText(hour({ 0: { finished: 1 } })), "1 ended in the last hour, none failed");
});

test("an hour in which nothing ended is no figure", () => {
  assert.equal(throughputText(hour()), "No tasks ended in the last hour.");
});

test("the axis says how far they lie back", () => {
  assert.deepEqual([-40, 0].map(backText), ["40 m ago", "now"]);
});

test("a minute is named by the time at which it began", () => {
  assert.equal(minuteText(hour(), -30), timeOfDay(Date.UTC(2025, 10, 24, 11, 30)));
});

const workers = (...states) => states.map((state) => ({ state }));

test("how many of the workers are busy", () => {
  assert.equal(workersText(workers("busy", "idle", "busy", "starting")), "2 of 4 busy");
  assert.equal(workersText(workers("idle")), "none of 1 busy");
});

test("a state is a word, and what is said about it may have colons of its own", () => {
  assert.deepEqual(stateWords("idle"), { word: "idle", reason: "" });
  const said = stateWords("failed to start: ImportError: no x");
  assert.deepEqual(said, { word: "failed to start", reason: "ImportError: no x" });
});

test("of pending tasks only the kinds that are there are named", () => {
  assert.deepEqual([pendingText(2, 1), pendingText(2, 0), pendingText(0, 1), pendingText(0, 0)], [
    "2 running, 1 waiting",
    "2 running",
    "1 waiting",
    "",
  ]);
});
