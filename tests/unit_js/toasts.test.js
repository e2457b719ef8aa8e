import assert from "node:assert/strict";
import { test } from "node:test";
import * as toasts from "../../static/js/toasts.js";
import { NOW, frame, transition } from "./support.js";

const name = (id) => `Task ${id}`;
const ended = (...transitions) => frame(1, 2, { transitions });

test("tasks that end are grouped by how they ended", () => {
  const shown = toasts.withEndings([], ended(transition(1, "Finished", 1), transition(2, "Exception", 2), transition(3, "Finished", 3)), name, NOW);
  assert.deepEqual(shown.map(toasts.title), ["2 tasks finished", "Task 2 failed"]);
  assert.deepEqual(shown.map(toasts.isFailure), [false, true]);
});

test("a message about several names two and counts the others", () => {
  let shown = toasts.withEndings([], ended(transition(1, "Aborted", 1), transition(2, "Aborted", 2)), name, NOW);
  shown = toasts.withEndings(shown, ended(transition(3, "Aborted", 3)), name, NOW);
  assert.equal(toasts.title(shown[0]), "3 tasks were aborted");
  assert.equal(toasts.details(shown[0]), "Task 3, Task 2 (+1 more)");
});

test("a start is no end", () => {
  assert.deepEqual(toasts.withEndings([], ended(transition(1, "Running", 1)), name, NOW), []);
});

test("success goes by itself, an exception stays until it is closed", () => {
  const shown = toasts.withEndings([], ended(transition(1, "Finished", 1), transition(2, "Exception", 2)), name, NOW);
  assert.equal(toasts.nextEnd(shown), NOW + 5000);
  assert.deepEqual(toasts.current(shown, NOW + 5000).map(({ status }) => status), ["Exception"]);
  assert.equal(toasts.nextEnd(toasts.without(shown, "Finished")), Infinity);
});

test("who goes to see the failed tasks need not be told of them", () => {
  const shown = toasts.withEndings([], ended(transition(1, "Finished", 1), transition(2, "Exception", 2)), name, NOW);
  assert.deepEqual(toasts.withoutFailed(shown).map(({ status }) => status), ["Finished"]);
});
