import assert from "node:assert/strict";
import { test } from "node:test";
import { isAnswered } from "../../../../static/js/state/paged_list.js";
import * as taskList from "../../../../static/js/state/tasks/task_list.js";
import { frame, page, task, transition } from "../../support.js";

const PENDING = { tab: "pending", search: "", ordering: "-created", page: 1, size: 25 };
const finished = (id, fields) => task(id, { status: "Finished", ...fields });
const ids = (list) => taskList.rows(list).map(({ id }) => id);

/** A list that the server has answered with `results` at revision 10. */
function answered(results, { query = PENDING, ...fields } = {}) {
  return answerTo(taskList.listOf(query), results, fields);
}

function answerTo(list, results, fields = {}) {
  return taskList.withAnswer(taskList.loadBegan(list, 1, 0), 1, page(results, fields));
}

test("a frame changes rows in place, and only settling moves them", () => {
  const changes = { tasks: [finished(1, { revision: 13 })], transitions: [transition(1, "Finished", 13)] };
  const changed = taskList.withFrame(answered([task(2), task(1)]), frame(10, 13, changes));
  assert.deepEqual(ids(changed), [2, 1]);
  assert.equal(taskList.rows(changed)[1].status, "Finished");
  assert.deepEqual(taskList.heldBack(changed), { count: 0, hasMoved: true });
  assert.deepEqual(ids(taskList.settled(changed)), [2]);
});

test("a frame that is older than the answer changes nothing", () => {
  const list = answered([task(1)]);
  assert.equal(taskList.withFrame(list, frame(8, 10, { deleted: [1] })), list);
});

test("transitions come before tasks, and tasks before deletions", () => {
  const all = { transitions: [transition(1, "Finished", 11)], tasks: [finished(1, { revision: 12, percent: 100 })], deleted: [1] };
  const [row] = taskList.rows(taskList.withFrame(answered([task(1)]), frame(10, 12, all)));
  assert.deepEqual([row.status, row.percent, row.gone], ["Finished", 100, taskList.DELETED]);
});

test("a transition alone changes the status of a row", () => {
  const changed = taskList.withFrame(answered([task(1)]), frame(10, 12, { transitions: [transition(1, "Aborted", 11)] }));
  assert.equal(taskList.rows(changed)[0].status, "Aborted");
});

test("tasks that are not on the page are not remembered, however many there are", () => {
  const many = Array.from({ length: 1000 }, (_, at) => task(100 + at, { revision: 11 }));
  assert.equal(taskList.withFrame(answered([task(1)]), frame(10, 11, { tasks: many })).tasks.size, 1);
});

test("what comes into the tab or leaves it makes the list stale, progress does not", () => {
  const list = answered([task(1)]);
  const isStale = (fields, of = list) => taskList.withFrame(of, frame(10, 12, fields)).isStale;
  assert.equal(isStale({ transitions: [{ ...transition(5, "Not Started", 11), from: null }] }), true);
  assert.equal(isStale({ transitions: [transition(5, "Finished", 11)] }), true);
  assert.equal(isStale({ deleted: [77] }), true);
  assert.equal(isStale({ tasks: [task(1, { percent: 5, revision: 12 })] }), false);
  const started = [{ ...transition(5, "Running", 11), from: "Not Started" }];
  assert.equal(isStale({ transitions: started }), false);
  assert.equal(isStale({ transitions: started }, answered([task(1)], { query: { ...PENDING, ordering: "-status" } })), true);
  assert.equal(isStale({ tasks: [task(9, { revision: 12 })] }, answered([task(1)], { query: { ...PENDING, ordering: "percent" } })), true);
});

test("a new answer leaves the rows where they are until they are settled", () => {
  const list = answerTo(answered([task(2), task(1)]), [task(3), task(2, { percent: 50 })], { revision: 11 });
  assert.deepEqual(ids(list), [2, 1]);
  assert.deepEqual(taskList.heldBack(list), { count: 1, hasMoved: true });
  assert.deepEqual(taskList.rows(list).map(({ percent, gone }) => [percent, gone]), [[50, undefined], [0, undefined]]);
  assert.deepEqual(ids(taskList.settled(list)), [3, 2]);
});

test("after a gap a row that the answer does not have says that it is not listed", () => {
  const list = answerTo(taskList.withGap(answered([task(2), task(1)])), [task(2)], { revision: 90 });
  assert.deepEqual(taskList.rows(list).map(({ gone }) => gone), [undefined, taskList.NOT_LISTED]);
  assert.deepEqual(ids(taskList.settled(list)), [2]);
});

test("an answer to another search takes the place of the rows at once", () => {
  const asked = taskList.following(answered([task(2), task(1)]), { ...PENDING, search: "disk" });
  assert.deepEqual([ids(asked), isAnswered(asked)], [[2, 1], false]);
  assert.deepEqual(ids(answerTo(asked, [task(1)])), [1]);
});

test("another tab begins with nothing, the same query stays the same list", () => {
  const list = answered([task(1)]);
  assert.equal(taskList.following(list, { ...PENDING }), list);
  assert.deepEqual(taskList.following(list, { ...PENDING, tab: "failed" }).order, []);
  assert.equal(taskList.following(list, null), null);
});

test("an answer older than what was known when it was requested is dropped and requested again", () => {
  const asked = taskList.loadBegan(answered([task(1)]), 2, 12);
  const after = taskList.withAnswer(asked, 2, page([task(5)], { revision: 11 }));
  assert.deepEqual([ids(after), after.isStale, after.loading], [[1], true, null]);
});

test("only the answer to the last request counts", () => {
  const asked = taskList.loadBegan(taskList.loadBegan(taskList.listOf(PENDING), 1, 0), 2, 0);
  assert.equal(taskList.withAnswer(asked, 1, page([task(5)])), asked);
});

test("frames that arrive while a list is being loaded are applied to the answer", () => {
  let list = taskList.loadBegan(taskList.listOf(PENDING), 1, 10);
  list = taskList.withFrame(list, frame(10, 11, { tasks: [task(1, { revision: 11, percent: 70 })] }));
  list = taskList.withFrame(list, frame(11, 12, { deleted: [2] }));
  list = taskList.withAnswer(list, 1, page([task(2), task(1)]));
  assert.deepEqual(ids(taskList.settled(list)), [1]);
  assert.equal(taskList.rows(list)[1].percent, 70);
});

test("more frames than can be kept meanwhile make the answer stale", () => {
  let list = taskList.loadBegan(taskList.listOf(PENDING), 1, 10);
  for (let at = 0; at < 500; at += 1) list = taskList.withFrame(list, frame(10 + at, 11 + at));
  assert.equal(list.loading.frames.length, 200);
  assert.equal(taskList.withAnswer(list, 1, page([task(1)])).isStale, true);
});

test("by estimate the page is cut from all that run, those without one last", () => {
  const query = { ...PENDING, ordering: "estimated", size: 2, page: 1 };
  const request = taskList.requestOf(query);
  assert.deepEqual([request.ordering, request.page, request.pageSize], ["-status", 1, 500]);
  const estimated = (id, hour) => task(id, { estimated: `2025-11-24T${hour}:00:00.000Z` });
  const all = [task(4, { estimated: null }), estimated(3, "15"), estimated(2, "13"), estimated(1, "14")];
  assert.deepEqual(ids(answered(all, { query })), [2, 1]);
  assert.deepEqual(ids(answered(all, { query: { ...query, page: 2 } })), [3, 4]);
  assert.deepEqual(ids(answered(all, { query: { ...query, ordering: "-estimated" } })), [3, 1]);
  assert.deepEqual(taskList.requestOf({ ...query, page: 300 }).page, 300);
});

test("a list that is settled stays the same object", () => {
  const list = answered([task(2), task(1)]);
  assert.equal(taskList.settled(list), list);
});
