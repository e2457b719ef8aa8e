import assert from "node:assert/strict";
import { test } from "node:test";
import * as change from "../../static/js/state.js";
import { rows } from "../../static/js/tasklist.js";
import { COUNTS, NOW, following, frame, hello, page, task, transition } from "./support.js";

const ids = (state) => rows(state.list).map(({ id }) => id);

/** The dialog is open and shows tasks 2 and 1 as of revision 10. */
function looking() {
  const state = change.loadBegan(change.opened(following()));
  return change.withAnswer(state, state.loading.number, page([task(2), task(1)]));
}

test("hello tells where we are, and asks for what this browser has not seen", () => {
  const state = following();
  assert.deepEqual([state.phase, state.revision, state.store], ["live", 10, "s"]);
  assert.equal(state.needs.failed, true);
});

test("frames that follow one another are applied, with their counts", () => {
  const state = change.withMessage(looking(), frame(10, 11, { counts: { ...COUNTS, Running: 3 }, pending_percent: 40 }), NOW);
  assert.deepEqual([state.revision, state.counts.Running, state.pendingPercent], [11, 3, 40]);
  assert.equal(state.needs.connect, false);
});

test("a frame that does not begin where we are asks to begin anew and changes nothing", () => {
  const state = change.withMessage(looking(), frame(11, 12, { deleted: [1] }), NOW);
  assert.equal(state.needs.connect, true);
  assert.equal(state.revision, 10);
  assert.equal(change.begunAnew(state).revision, null);
});

test("resync and another store ask for the lists again", () => {
  const resynced = change.withMessage(looking(), { type: "resync", revision: 90 }, NOW);
  assert.deepEqual([resynced.revision, resynced.needs.list, resynced.needs.failed], [90, true, true]);
  const other = change.withMessage(looking(), hello({ store: "t", revision: 3 }), NOW);
  assert.deepEqual([other.store, other.revision, other.needs.list], ["t", 3, true]);
});

test("coming back to the same store at our revision asks for nothing", () => {
  const served = { ...looking(), needs: change.initial("", "", "").needs };
  const state = change.withMessage(change.disconnected(served, false, NOW), hello(), NOW);
  assert.deepEqual([state.phase, state.needs.list, state.needs.failed], ["live", false, false]);
});

test("a frame of a type that is not known changes nothing", () => {
  const state = looking();
  assert.equal(change.withMessage(state, { type: "weather" }, NOW), state);
});

test("what came while a list was asked for is applied to its answer", () => {
  let state = change.loadBegan(change.opened(following()));
  state = change.withMessage(state, frame(10, 11, { tasks: [task(3, { revision: 11 })] }), NOW);
  state = change.withMessage(state, frame(11, 12, { deleted: [1] }), NOW);
  state = change.settle(change.withAnswer(state, 1, page([task(2), task(1)])), false);
  assert.deepEqual(ids(state), [3, 2]);
});

test("an answer that already knows a frame is not changed by it", () => {
  let state = change.loadBegan(change.opened(following()));
  state = change.withAnswer(state, 1, page([task(2)], { revision: 12 }));
  state = change.withMessage(state, frame(10, 11, { tasks: [task(1, { revision: 11 })] }), NOW);
  assert.deepEqual(ids(change.settle(state, false)), [2]);
});

test("an answer that is older than what we knew is dropped and asked for again", () => {
  const state = change.loadBegan(change.opened(following()));
  const after = change.withAnswer(state, 1, page([task(1)], { revision: 9 }));
  assert.equal(after.list, null);
  assert.equal(after.needs.list, true);
});

test("an answer that another request overtook is dropped", () => {
  const first = change.loadBegan(change.opened(following()));
  const second = change.loadBegan(change.withTab(first, "failed"));
  assert.equal(change.withAnswer(second, 1, page([task(1)])), second);
  assert.equal(change.withAnswer(change.closed(first), 1, page([task(1)])).list, null);
});

test("an answer of another store asks to begin anew", () => {
  const state = change.loadBegan(change.opened(following()));
  assert.equal(change.withAnswer(state, 1, page([], { store: "t" })).needs.connect, true);
});

test("rows stay while some are selected or a person is in the table, and move then", () => {
  const ended = frame(10, 11, { tasks: [task(1, { status: "Finished", revision: 11 })] });
  const state = change.withMessage(looking(), ended, NOW);
  assert.deepEqual(ids(change.settle(state, true)), [2, 1]);
  const selected = change.rowClicked(state, 2, false);
  assert.deepEqual(ids(change.settle(selected, false)), [2, 1]);
  assert.deepEqual(ids(change.settle(change.rowClicked(selected, 2, false), false)), [2]);
});

test("a row that is deleted elsewhere is selected no longer and cannot be", () => {
  let state = change.selectAllClicked(looking());
  state = change.withMessage(state, frame(10, 11, { deleted: [1] }), NOW);
  assert.deepEqual([...state.dialog.selection.ids], [2]);
  assert.deepEqual(change.chooseable(state.list), [2]);
});

test("a page that rows have left asks to be filled up", () => {
  let state = change.loadBegan(change.opened(following()));
  state = change.withAnswer(state, 1, page([task(2), task(1)], { count: 300 }));
  state = { ...state, counts: { ...COUNTS, Running: 300 } };
  assert.equal(change.settle(state, false).needs.refill, true);
  assert.equal(change.settle(state, true).needs.refill, false);
});

test("Pending is always the tab that is open first", () => {
  const state = change.opened(change.closed(change.withTab(looking(), "finished")));
  assert.deepEqual([state.dialog.tab, state.list, state.needs.list], ["pending", null, true]);
});

test("a failure counts until the Failed tab shows it", () => {
  let state = change.withMessage(following(), frame(10, 11, { transitions: [transition(1, "Exception", 11)] }), NOW);
  assert.equal(state.unseen.ids.size, 1);
  state = change.loadBegan(change.withTab(change.opened(state), "failed"));
  assert.equal(change.seen(state), state);
  const failed = task(1, { status: "Exception", ended: "2025-11-24T12:00:01.000Z" });
  state = change.seen(change.withAnswer(state, 1, page([failed], { revision: 11 })));
  assert.deepEqual([state.unseen.ids.size, state.unseen.seen], [0, failed.ended]);
});

test("what this browser remembers is not counted", () => {
  const state = change.failedBegan(following(), "2025-11-24T12:00:05.000Z");
  const failed = [6, 5].map((id) => task(id, { status: "Exception", ended: `2025-11-24T12:00:0${id}.000Z` }));
  assert.deepEqual([...change.withFailed(state, page(failed)).unseen.ids], [6]);
});

test("tasks that end are told of by name, also those that are gone already", () => {
  const transitions = [transition(1, "Finished", 11), transition(77, "Aborted", 12)];
  const { toasts } = change.withMessage(looking(), frame(10, 12, { transitions }), NOW);
  assert.deepEqual(toasts.map(({ names }) => names[0]), ["Task 1", "Task 77"]);
});

test("a deletion is about the tasks as they were when it was asked for", () => {
  let state = change.deleteAsked(change.selectAllClicked(looking()));
  state = change.withMessage(state, frame(10, 11, { tasks: [task(1, { status: "Finished", revision: 11 })] }), NOW);
  assert.deepEqual(state.dialog.confirm.tasks.map(({ status }) => status), ["Running", "Running"]);
  const results = [{ id: 1, outcome: "changed", status: "Finished" }, { id: 2, outcome: "aborted", status: "Aborted" }];
  state = change.deleteDone(change.deleteBegan(state), state.dialog.confirm.tasks, results);
  assert.deepEqual(state.dialog.report, ["Task 1 changed from Running to Finished"]);
  assert.equal(state.dialog.confirm, null);
  assert.equal(state.dialog.selection.ids.size, 0);
});

test("a deletion that fails can be tried again", () => {
  const asked = change.deleteBegan(change.deleteAsked(change.selectAllClicked(looking())));
  const { confirm } = change.deleteFailed(asked, "The disk is full.").dialog;
  assert.deepEqual([confirm.busy, confirm.error, confirm.tasks.length], [false, "The disk is full.", 2]);
});

test("an answer to a deletion after the dialog was closed changes nothing", () => {
  const closed = change.closed(looking());
  assert.equal(change.deleteDone(closed, [], []), closed);
  assert.equal(change.deleteFailed(closed, "late"), closed);
});

test("the data is as old as the moment at which the connection was lost, however long that lasts", () => {
  let state = change.disconnected(following(), false, NOW);
  state = change.disconnected(change.attemptFailed(state), false, NOW + 60000);
  assert.deepEqual([state.phase, state.dataAt], ["reconnecting", NOW]);
});

test("a server that stops says so until the first attempt fails", () => {
  let state = change.withMessage(following(), { type: "stopping" }, NOW);
  state = change.disconnected(state, true, NOW);
  assert.equal(state.phase, "stopping");
  assert.deepEqual([change.attemptFailed(state).phase, state.dataAt], ["reconnecting", NOW]);
});

test("signing out forgets everything but the version", () => {
  const state = change.signedOut(looking(), "bye");
  assert.deepEqual(state, { ...change.initial("", "", "1"), notice: "bye" });
});
