import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, due, dueAt, textOf, withFrame } from "../../../../static/js/state/notices/announce.js";
import { NOW, frame, transition } from "../../support.js";

const ended = (...statuses) => frame(1, 2, { transitions: statuses.map((to, id) => transition(id, to, id)) });
const said = (...statuses) => textOf(withFrame(NOTHING, ended(...statuses), NOW));

test("one task and several are announced by number and by how they ended", () => {
  assert.equal(said("Finished"), "1 task finished");
  assert.equal(said("Finished", "Exception", "Finished"), "2 tasks finished, 1 failed");
  assert.equal(said("Aborted", "Finished", "Exception", "Aborted"), "1 task finished, 1 failed, 2 aborted");
});

test("the first number is followed by what is counted", () => {
  assert.equal(said("Exception", "Exception"), "2 tasks failed");
  assert.equal(said("Aborted"), "1 task aborted");
});

test("for nothing there is nothing to say, and no time to say it", () => {
  assert.equal(withFrame(NOTHING, ended("Running", "Not Started"), NOW), NOTHING);
  assert.equal(textOf(NOTHING), "");
  assert.equal(due(NOTHING, NOW), false);
  assert.equal(dueAt(NOTHING), Infinity);
});

test("what ends within two seconds of the first is said together, and more does not put it off", () => {
  const first = withFrame(NOTHING, ended("Finished"), NOW);
  const both = withFrame(first, ended("Exception"), NOW + 1500);
  assert.equal(due(both, NOW + 1999), false);
  assert.equal(due(both, NOW + 2000), true);
  assert.equal(textOf(both), "1 task finished, 1 failed");
});

test("what was said before is not said again", () => {
  withFrame(NOTHING, ended("Finished"), NOW);
  assert.equal(textOf(NOTHING), "");
});
