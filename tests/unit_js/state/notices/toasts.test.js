import assert from "node:assert/strict";
import { test } from "node:test";
import * as toasts from "../../../../static/js/state/notices/toasts.js";
import { NOW, frame, transition } from "../../support.js";

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

test("a success disappears by itself, an exception stays until it is closed", () => {
  const shown = toasts.withEndings([], ended(transition(1, "Finished", 1), transition(2, "Exception", 2)), name, NOW);
  assert.equal(toasts.nextEnd(shown), NOW + 5000);
  assert.deepEqual(toasts.current(shown, NOW + 5000).map(({ status }) => status), ["Exception"]);
  assert.equal(toasts.nextEnd(toasts.without(shown, "Finished")), Infinity);
});

test("messages about failed tasks disappear when the person opens their tab", () => {
  const shown = toasts.withEndings([], ended(transition(1, "Finished", 1), transition(2, "Exception", 2)), name, NOW);
  assert.deepEqual(toasts.withoutFailed(shown).map(({ status }) => status), ["Finished"]);
});

test("a message about one task knows which, and about several it names none to go to", () => {
  const one = toasts.withEndings([], ended(transition(7, "Finished", 1)), name, NOW);
  const two = toasts.withEndings(one, ended(transition(8, "Finished", 2)), name, NOW);
  const failure = toasts.withFailure([], "Could not sign out");
  assert.deepEqual([one, two, failure].map(([toast]) => toasts.taskOf(toast)), [7, null, null]);
});

test("a note is no failure, and disappears by itself", () => {
  const shown = toasts.withNote([], "Copied", NOW);
  assert.equal(toasts.title(shown[0]), "Copied");
  assert.deepEqual([toasts.isFailure(shown[0]), toasts.isNote(shown[0])], [false, true]);
  assert.equal(toasts.nextEnd(shown), NOW + 3000);
  assert.equal(toasts.withNote(shown, "Copied", NOW + 1000).length, 1);
});

test("a call that failed is a failure, and stays", () => {
  const [toast] = toasts.withFailure([], "Could not sign out");
  assert.equal(toasts.isFailure(toast), true);
  assert.equal(toast.until, Infinity);
});

test("two messages are shown, the newest first, and of the others the number of tasks", () => {
  let all = toasts.withEndings([], ended(transition(1, "Exception", 1), transition(2, "Exception", 2)), name, NOW);
  all = toasts.withFailure(all, "Could not sign out");
  all = toasts.withEndings(all, ended(transition(3, "Finished", 3)), name, NOW);
  all = toasts.withNote(all, "Copied", NOW);
  const { cards, more } = toasts.shown(all);
  assert.deepEqual(cards.map(toasts.title), ["Copied", "Task 3 finished"]);
  assert.equal(more, 3);
  assert.equal(toasts.shown(all.slice(0, 2)).more, 0);
});

test("time stands still while messages are held, and then runs on", () => {
  const one = toasts.withEndings([], ended(transition(1, "Finished", 1)), name, NOW);
  const held = toasts.held(one, NOW + 4000);
  assert.deepEqual(toasts.current(held, NOW + 60000), held);
  assert.equal(toasts.nextEnd(held), Infinity);
  assert.equal(toasts.nextEnd(toasts.released(held, NOW + 60000)), NOW + 61000);
});

test("holding twice holds once, and releasing what is not held changes nothing", () => {
  const one = toasts.withEndings([], ended(transition(1, "Finished", 1)), name, NOW);
  const held = toasts.held(one, NOW + 1000);
  assert.equal(toasts.held(held, NOW + 2000), held);
  assert.equal(toasts.released(one, NOW), one);
  const nothing = [];
  assert.equal(toasts.held(nothing, NOW), nothing);
});

test("what comes while messages are held is held with them", () => {
  const held = toasts.held(toasts.withFailure([], "Could not sign out"), NOW);
  const more = toasts.withEndings(held, ended(transition(1, "Finished", 1)), name, NOW);
  assert.equal(toasts.nextEnd(more), Infinity);
  assert.equal(toasts.nextEnd(toasts.released(more, NOW + 9000)), NOW + 14000);
});
