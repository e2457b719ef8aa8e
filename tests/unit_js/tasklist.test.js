import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE_SIZE } from "../../static/js/statuses.js";
import * as tasklist from "../../static/js/tasklist.js";
import { frame, page, task, transition } from "./support.js";

const finished = (id, fields) => task(id, { status: "Finished", ...fields });
const ids = (list) => tasklist.rows(list).map(({ id }) => id);

test("a frame changes rows in place, and only settling moves them", () => {
  const list = tasklist.fromPage("pending", page([task(2), task(1)]));
  const changes = { tasks: [task(3, { revision: 12 }), finished(1, { revision: 13 })], transitions: [transition(1, "Finished", 13)] };
  const changed = tasklist.withChanges(list, frame(10, 13, changes));
  assert.deepEqual(ids(changed), [2, 1]);
  assert.equal(tasklist.rows(changed)[1].status, "Finished");
  assert.equal(tasklist.heldBack(changed), 1);
  assert.deepEqual(ids(tasklist.settled(changed)), [3, 2]);
});

test("a frame that is older than the list changes nothing", () => {
  const list = tasklist.fromPage("pending", page([task(1)]));
  assert.equal(tasklist.withChanges(list, frame(8, 10, { deleted: [1] })), list);
});

test("transitions come before tasks, and tasks before deletions", () => {
  const list = tasklist.fromPage("pending", page([task(1)]));
  const all = { transitions: [transition(1, "Finished", 11)], tasks: [finished(1, { revision: 12, percent: 100 })], deleted: [1] };
  const [row] = tasklist.rows(tasklist.withChanges(list, frame(10, 12, all)));
  assert.deepEqual([row.status, row.percent, row.gone], ["Finished", 100, tasklist.DELETED]);
});

test("a transition alone changes the status of a row", () => {
  const list = tasklist.fromPage("pending", page([task(1)]));
  const changed = tasklist.withChanges(list, frame(10, 12, { transitions: [transition(1, "Aborted", 11)] }));
  assert.equal(tasklist.rows(changed)[0].status, "Aborted");
});

test("a task that came and went while the rows were held is not remembered", () => {
  let list = tasklist.fromPage("pending", page([task(1)]));
  list = tasklist.withChanges(list, frame(10, 11, { tasks: [task(2, { revision: 11 })] }));
  list = tasklist.withChanges(list, frame(11, 12, { tasks: [finished(2, { revision: 12 })] }));
  assert.equal(tasklist.heldBack(list), 0);
  assert.deepEqual([...list.tasks.keys()], [1]);
});

test("however many tasks come while rows are held, a page of them is kept", () => {
  const many = Array.from({ length: 5 * PAGE_SIZE }, (_, at) => task(100 + at, { revision: 11 }));
  const list = tasklist.withChanges(tasklist.fromPage("pending", page([task(1)])), frame(10, 11, { tasks: many }));
  assert.equal(list.tasks.size, PAGE_SIZE + 1);
  assert.deepEqual(ids(tasklist.settled(list)).slice(0, 2), [599, 598]);
  assert.equal(tasklist.settled(list).hasMore, true);
});

test("on a full page a task from beyond its end stays there", () => {
  const full = Array.from({ length: PAGE_SIZE }, (_, at) => task(500 - at, { revision: 1 }));
  const list = tasklist.fromPage("pending", page(full, { count: 300 }));
  const changed = tasklist.withChanges(list, frame(10, 11, { tasks: [task(7, { revision: 11 })] }));
  assert.equal(tasklist.heldBack(changed), 0);
});

test("a page that rows have left is short while the server has more", () => {
  const list = tasklist.fromPage("pending", page([task(2), task(1)], { count: 300 }));
  assert.equal(tasklist.isShort(list, 300), true);
  assert.equal(tasklist.isShort(list, 2), false);
  assert.equal(tasklist.isShort({ ...list, hasMore: false }, 300), false);
});

test("finished tasks are in the order of their last change, the newest first", () => {
  const list = tasklist.fromPage("finished", page([finished(2), finished(1)]));
  const pinned = finished(1, { revision: 11, last_modified: "2025-11-24T13:00:00.000Z" });
  const changed = tasklist.withChanges(list, frame(10, 11, { tasks: [pinned] }));
  assert.deepEqual(ids(tasklist.settled(changed)), [1, 2]);
});

test("a new answer leaves the rows of a table where they are", () => {
  const list = tasklist.fromPage("pending", page([task(2), task(1)]));
  const kept = tasklist.keepingRows(list, tasklist.fromPage("pending", page([task(3), task(2, { percent: 50 })])));
  assert.deepEqual(ids(kept), [2, 1]);
  assert.deepEqual(tasklist.rows(kept).map(({ percent, gone }) => [percent, gone]), [[50, undefined], [0, tasklist.NOT_LISTED]]);
  assert.deepEqual(ids(tasklist.settled(kept)), [3, 2]);
});

test("a list that is settled stays the same object", () => {
  const list = tasklist.fromPage("pending", page([task(2), task(1)]));
  assert.equal(tasklist.settled(list), list);
});
