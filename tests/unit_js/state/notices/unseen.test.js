import assert from "node:assert/strict";
import { test } from "node:test";
import * as unseen from "../../../../static/js/state/notices/unseen.js";
import { COUNTS, at, frame, page, task, transition } from "../../support.js";

const failed = (id) => task(id, { status: "Exception", ended: at(id) });
const counts = (number) => ({ ...COUNTS, Exception: number });

test("before the first look all that failed is new, also beyond the first page", () => {
  const fresh = unseen.withPage(unseen.unseenSince(""), page([failed(2), failed(1)], { count: 7 }));
  assert.equal(unseen.unseenCount(fresh, counts(7)), 7);
});

test("what ended before the last look is not new, even if it changed since", () => {
  const fresh = unseen.withPage(unseen.unseenSince(at(2)), page([failed(2), failed(3), failed(1)]));
  assert.deepEqual([...fresh.ids], [3]);
});

test("a page of new failures that does not reach back to the last look says so", () => {
  const fresh = unseen.withPage(unseen.unseenSince(at(1)), page([failed(3), failed(2)], { count: 9 }));
  assert.equal(fresh.atLeast, true);
  assert.equal(unseen.unseenCount(fresh, counts(9)), 2);
});

test("a failure in a frame is new, its deletion takes it back", () => {
  const one = unseen.withFrame(unseen.unseenSince(at(1)), frame(1, 2, { transitions: [transition(5, "Aborted", 2)] }));
  assert.equal(unseen.unseenCount(one, counts(1)), 1);
  assert.equal(unseen.unseenCount(unseen.withFrame(one, frame(2, 3, { deleted: [5] })), counts(9)), 0);
});

test("a failure that another window saw before its frame came is not new", () => {
  const looked = unseen.unseenSince(at(5));
  assert.equal(unseen.withFrame(looked, frame(1, 2, { transitions: [transition(5, "Aborted", 2)] })), looked);
});

test("success is no failure", () => {
  const none = unseen.unseenSince("");
  assert.equal(unseen.withFrame(none, frame(1, 2, { transitions: [transition(5, "Finished", 2)] })), none);
});

test("there are never more than the failed tasks that exist", () => {
  const fresh = unseen.withPage(unseen.unseenSince(""), page([failed(2), failed(1)]));
  assert.equal(unseen.unseenCount(fresh, counts(1)), 1);
});

test("a look makes all known, and is remembered as the latest end", () => {
  const fresh = unseen.withPage(unseen.unseenSince(""), page([failed(2), failed(1)]));
  const looked = unseen.lookedAt(fresh, [failed(1), failed(2)]);
  assert.equal(looked.seen, at(2));
  assert.equal(unseen.unseenCount(looked, counts(2)), 0);
  assert.equal(unseen.lookedAt(looked, [failed(2)]), looked);
});

test("a look in another window counts, an older one does not", () => {
  const fresh = unseen.withPage(unseen.unseenSince(""), page([failed(2)]));
  assert.equal(unseen.seenElsewhere(fresh, at(2)).ids.size, 0);
  const looked = unseen.unseenSince(at(5));
  assert.equal(unseen.seenElsewhere(looked, at(2)), looked);
});

test("beyond ten thousand they are counted and no longer known one by one", () => {
  let fresh = unseen.unseenSince("");
  for (let from = 0; from < 30000; from += 1000) {
    const transitions = Array.from({ length: 1000 }, (_, at) => transition(from + at, "Aborted", from + at + 1, 5));
    fresh = unseen.withFrame(fresh, frame(from, from + 1000, { transitions }));
  }
  assert.ok(fresh.ids.size < 12000);
  assert.equal(unseen.unseenCount(fresh, counts(50000)), 30000);
});
