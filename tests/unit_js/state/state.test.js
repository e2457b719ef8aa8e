import assert from "node:assert/strict";
import { test } from "node:test";
import * as connection from "../../../static/js/state/connection.js";
import * as failures from "../../../static/js/state/notices/failures.js";
import { HOME, atTab } from "../../../static/js/state/place.js";
import * as change from "../../../static/js/state/state.js";
import * as deleting from "../../../static/js/state/tasks/deleting.js";
import * as lists from "../../../static/js/state/tasks/lists.js";
import { rows } from "../../../static/js/state/tasks/task_list.js";
import { COUNTS, NOW, PREFERENCES, following, frame, hello, page, task, transition } from "../support.js";

const ids = (state) => rows(state.lists.dialog).map(({ id }) => id);

/** The server answers the dialog's list, which is asked for now. */
function answered(state, results, fields) {
  const asked = lists.loadBegan(state, "dialog");
  return lists.withAnswer(asked, "dialog", asked.loads, page(results, fields));
}

/** The dialog is open at Pending and shows tasks 2 and 1 as of revision 10. */
function looking() {
  return answered(change.went(following(), atTab("pending")), [task(2), task(1)]);
}

// The connection.

test("hello sets the revision, and requests the failures that this browser has not seen", () => {
  const state = following();
  assert.deepEqual([state.phase, state.revision, state.store], ["live", 10, "s"]);
  assert.equal(state.needs.failed, true);
});

test("frames that follow one another are applied, with their counts", () => {
  const fields = { counts: { ...COUNTS, Running: 3 }, pending_percent: 40 };
  const state = connection.withMessage(looking(), frame(10, 11, fields), NOW);
  assert.deepEqual([state.revision, state.counts.Running, state.pendingPercent], [11, 3, 40]);
  assert.equal(state.needs.connect, false);
});

test("a frame that does not continue from our revision asks to connect from scratch and changes nothing", () => {
  const state = connection.withMessage(looking(), frame(11, 12, { deleted: [1] }), NOW);
  assert.deepEqual([state.needs.connect, state.revision], [true, 10]);
  const anew = connection.begunAnew(state);
  assert.deepEqual([anew.revision, anew.lists.dialog.isStale, ids(anew)], [null, true, [2, 1]]);
});

test("resync and another store ask for the lists again, and leave the rows until then", () => {
  const resynced = connection.withMessage(looking(), { type: "resync", revision: 90 }, NOW);
  assert.deepEqual([resynced.revision, resynced.lists.dialog.isStale, resynced.needs.failed], [90, true, true]);
  assert.deepEqual(ids(resynced), [2, 1]);
  const other = connection.withMessage(looking(), hello({ store: "t", revision: 3 }), NOW);
  assert.deepEqual([other.store, other.revision, other.lists.dialog.isStale], ["t", 3, true]);
});

test("coming back to the same store at our revision asks for nothing", () => {
  const served = { ...looking(), needs: { failed: false, connect: false, address: false } };
  const state = connection.withMessage(connection.disconnected(served, false, NOW), hello(), NOW);
  assert.deepEqual([state.phase, state.lists.dialog.isStale, state.needs.failed], ["live", false, false]);
});

test("a server of another version offers to load the page again", () => {
  assert.equal(following().isUpdated, false);
  assert.equal(connection.withMessage(following(), hello({ version: "2" }), NOW).isUpdated, true);
});

test("a frame of a type that is not known changes nothing", () => {
  const state = looking();
  assert.equal(connection.withMessage(state, { type: "weather" }, NOW), state);
});

test("the data is as old as the moment at which the connection was lost, however long that lasts", () => {
  let state = connection.disconnected(following(), false, NOW);
  state = connection.disconnected(connection.attemptFailed(state), false, NOW + 60000);
  assert.deepEqual([state.phase, state.dataAt], ["reconnecting", NOW]);
});

test("a server that stops says so until the first attempt fails", () => {
  let state = connection.withMessage(following(), { type: "stopping" }, NOW);
  state = connection.disconnected(state, true, NOW);
  assert.equal(state.phase, "stopping");
  assert.deepEqual([connection.attemptFailed(state).phase, state.dataAt], ["reconnecting", NOW]);
});

// Lists.

test("an answer of another store asks to connect from scratch", () => {
  const state = answered(change.went(following(), atTab("pending")), [], { store: "t" });
  assert.equal(state.needs.connect, true);
});

test("an answer after the dialog was closed changes nothing", () => {
  const asked = lists.loadBegan(looking(), "dialog");
  const closed = change.went(asked, HOME);
  assert.equal(lists.withAnswer(closed, "dialog", asked.loads, page([task(5)])), closed);
});

test("rows stay while some are selected, a person is in the table or a task lies over it, and move then", () => {
  const ended = frame(10, 11, { tasks: [task(1, { status: "Finished", revision: 11 })] });
  const state = connection.withMessage(looking(), ended, NOW);
  assert.deepEqual(ids(lists.settle(state, () => true)), [2, 1]);
  const selected = lists.rowClicked(state, 2, false);
  assert.deepEqual(ids(lists.settle(selected, () => false)), [2, 1]);
  assert.deepEqual(ids(lists.settle(change.went(state, { ...state.place, task: 2 }), () => false)), [2, 1]);
  assert.deepEqual(ids(lists.settle(lists.rowClicked(selected, 2, false), () => false)), [2]);
});

test("one click applies the updates although rows are selected", () => {
  const ended = frame(10, 11, { tasks: [task(1, { status: "Finished", revision: 11 })] });
  const state = connection.withMessage(lists.rowClicked(looking(), 2, false), ended, NOW);
  const applied = lists.updatesApplied(state, "dialog");
  assert.deepEqual([ids(applied), [...applied.selection.ids]], [[2], [2]]);
});

test("only what can be seen is loaded: once Home's lists are there they rest under the dialog and beside a task", () => {
  assert.deepEqual(lists.visibleLists(following()), ["pending", "failures"]);
  assert.deepEqual(lists.visibleLists(looking()), ["dialog", "pending", "failures"]);
  const known = ["pending", "failures"].reduce((state, name) => {
    const asked = lists.loadBegan(state, name);
    return lists.withAnswer(asked, name, asked.loads, page([]));
  }, looking());
  assert.deepEqual(lists.visibleLists(known), ["dialog"]);
  assert.deepEqual(lists.visibleLists(change.went(following(), { ...HOME, task: 7 })), []);
});

test("a page that no longer exists is replaced by the last one, also in the address", () => {
  const far = change.went(looking(), { ...atTab("pending"), page: 9 });
  const state = answered(far, [], { count: 60 });
  assert.deepEqual([state.place.page, state.needs.address, state.lists.dialog.isStale], [2, true, true]);
  assert.equal(change.addressWritten(state).needs.address, false);
});

/** Home shows tasks 2 and 1 as pending, and 4 and 3 as failed. */
function atHome() {
  return ["pending", "failures"].reduce((state, name, index) => {
    const asked = lists.loadBegan(state, name);
    const status = index === 0 ? "Running" : "Exception";
    const rows = [2, 1].map((id) => task(id + 2 * index, { status, ended: index === 0 ? null : `2025-11-24T12:00:0${id}.000Z` }));
    return lists.withAnswer(asked, name, asked.loads, page(rows));
  }, following());
}

test("on Home as well the rows stay while a person is in them, and go on when they say so or leave", () => {
  const ended = frame(10, 11, { tasks: [task(1, { status: "Finished", revision: 11 })], deleted: [4] });
  const state = connection.withMessage(lists.settle(atHome(), () => false), ended, NOW);
  const idsOf = (next, name) => rows(next.lists[name]).map(({ id }) => id);
  const held = lists.settle(state, (name) => name === "pending");
  assert.deepEqual([idsOf(held, "pending"), idsOf(held, "failures")], [[2, 1], [3]]);
  assert.deepEqual(idsOf(lists.updatesApplied(held, "pending"), "pending"), [2]);
  assert.deepEqual(idsOf(lists.settle(held, () => false), "pending"), [2]);
});

test("failures that were looked at elsewhere stay on Home while somebody reads them there", () => {
  const state = failures.withSeen(lists.settle(atHome(), () => false), "2025-11-24T12:00:05.000Z");
  const held = lists.settle(state, (name) => name === "failures");
  assert.equal(held.unseenShown.seen, "");
  assert.equal(lists.settle(held, () => false).unseenShown.seen, "2025-11-24T12:00:05.000Z");
});

test("the reason why the server refused a search is shown at its field, until the next search", () => {
  const errors = { search: ["expected at most 20 different words, got 21"] };
  const asked = lists.loadBegan(looking(), "dialog");
  const refused = lists.loadFailed(asked, "dialog", asked.loads, "One mistake.", errors).lists.dialog;
  assert.deepEqual([refused.searchError, refused.error], [errors.search[0], ""]);
  const failed = lists.loadFailed(asked, "dialog", asked.loads, "No answer.", {}).lists.dialog;
  assert.deepEqual([failed.searchError, failed.error], ["", "No answer."]);
  const next = change.went({ ...asked, lists: { ...asked.lists, dialog: refused } }, { ...asked.place, search: "a" });
  assert.equal(next.lists.dialog.searchError, "");
});

test("all that match are those of the answer that is seen, not of what is being typed", () => {
  const typing = change.went(answered(looking(), [task(2)], { count: 900 }), { ...atTab("pending"), search: "new" });
  assert.equal(lists.allMatchingChosen(typing).selection.matching.query.search, "");
});

test("a page that polls says so until a socket is there again", () => {
  const polled = connection.withMessage(following(), hello({ way: "polling", version: undefined }), NOW);
  assert.deepEqual([polled.phase, polled.isPolling, polled.isUpdated], ["live", true, false]);
  assert.equal(connection.withMessage(polled, hello(), NOW).isPolling, false);
});

// Selecting.

test("another page, search or tab begins with nothing selected", () => {
  const selected = lists.selectAllClicked(looking());
  assert.equal(change.went(selected, { ...selected.place, task: 1 }).selection.ids.size, 2);
  for (const change_ of [{ page: 2 }, { search: "x" }, { tab: "failed" }, { ordering: "percent" }]) {
    assert.equal(change.went(selected, { ...selected.place, ...change_ }).selection.ids.size, 0);
  }
});

test("a row that is deleted elsewhere is selected no longer and cannot be", () => {
  let state = lists.selectAllClicked(looking());
  state = connection.withMessage(state, frame(10, 11, { deleted: [1] }), NOW);
  assert.deepEqual([...state.selection.ids], [2]);
  assert.deepEqual(lists.chooseable(state.lists.dialog), [2]);
});

test("all that match are chosen as of the answer that counted them, and a click on a row ends it", () => {
  const many = answered(change.went(following(), atTab("pending")), [task(2), task(1)], { count: 700 });
  const all = lists.allMatchingChosen(connection.withMessage(many, frame(10, 14), NOW));
  assert.deepEqual([all.selection.matching.count, all.selection.matching.asOf], [700, 10]);
  assert.equal(lists.rowClicked(all, 2, false).selection.matching, null);
});

// What this browser has not seen.

test("a failure counts until the Failed tab shows it", () => {
  let state = connection.withMessage(following(), frame(10, 11, { transitions: [transition(1, "Exception", 11)] }), NOW);
  assert.equal(state.unseen.ids.size, 1);
  state = change.went(state, atTab("failed"));
  assert.equal(failures.seen(state), state);
  const failed = task(1, { status: "Exception", ended: "2025-11-24T12:00:01.000Z" });
  state = failures.seen(answered(state, [failed], { revision: 11 }));
  assert.deepEqual([state.unseen.ids.size, state.unseen.seen], [0, failed.ended]);
});

test("what this browser remembers is not counted", () => {
  const state = failures.failedBegan(following(), "2025-11-24T12:00:05.000Z");
  const failed = [6, 5].map((id) => task(id, { status: "Exception", ended: `2025-11-24T12:00:0${id}.000Z` }));
  assert.deepEqual([...failures.withFailed(state, page(failed)).unseen.ids], [6]);
});

test("tasks that end are reported by name, even if they have been deleted already", () => {
  const transitions = [transition(1, "Finished", 11), transition(77, "Aborted", 12)];
  const { toasts } = connection.withMessage(looking(), frame(10, 12, { transitions }), NOW);
  assert.match(JSON.stringify(toasts), /Task 1".*Task 77"/);
});

test("what has ended is said in one sentence after a moment, and the same again later", () => {
  const ended = (since) => frame(since, since + 1, { transitions: [transition(1, "Finished", since + 1)] });
  let state = connection.withMessage(following(), ended(10), NOW);
  assert.equal(change.withAnnouncement(state, NOW + 100), state);
  state = change.withAnnouncement(state, NOW + 5000);
  assert.equal(state.announced, "1 task finished");
  state = connection.withMessage(state, ended(11), NOW + 6000);
  assert.equal(state.announced, "");
  assert.equal(change.withAnnouncement(state, NOW + 9000).announced, "1 task finished");
});

// Deleting.

const asking = () => deleting.asked(lists.selectAllClicked(looking()));

test("a deletion is about the tasks as they were when the question was asked", () => {
  let state = connection.withMessage(asking(), frame(10, 11, { tasks: [task(1, { status: "Finished", revision: 11 })] }), NOW);
  assert.deepEqual(state.confirm.tasks.map(({ status }) => status), ["Running", "Running"]);
  const results = [{ id: 1, outcome: "changed", status: "Finished" }, { id: 2, outcome: "aborted", status: "Aborted" }];
  state = deleting.done(deleting.progressed(deleting.began(state), results), NOW);
  assert.deepEqual(state.report.left, [{ id: 1, text: "Task 1 changed from Running to Finished" }]);
  assert.equal(state.report.summary, "1 task aborted, 1 left alone");
  assert.deepEqual([state.confirm, state.selection.ids.size], [null, 0]);
});

test("if nothing was left alone, a short message says what was done", () => {
  const results = [{ id: 1, outcome: "aborted", status: "Aborted" }, { id: 2, outcome: "deleted", status: null }];
  const state = deleting.done(deleting.progressed(asking(), results), NOW);
  assert.equal(state.report, null);
  assert.match(JSON.stringify(state.toasts), /1 task deleted, 1 aborted/);
});

test("a deletion that fails can be tried again", () => {
  const { confirm } = deleting.failed(deleting.began(asking()), "The disk is full.");
  assert.deepEqual([confirm.busy, confirm.error, confirm.tasks.length], [false, "The disk is full.", 2]);
});

test("all that match go only when their number has been typed", () => {
  const many = answered(change.went(following(), atTab("pending")), [task(2), task(1)], { count: 700 });
  const state = deleting.asked(lists.allMatchingChosen(many));
  assert.equal(deleting.mayDelete(state.confirm), false);
  assert.equal(deleting.mayDelete(deleting.typed(state, "70").confirm), false);
  assert.equal(deleting.mayDelete(deleting.typed(state, " 700 ").confirm), true);
  assert.equal(deleting.mayDelete(asking().confirm), true);
});

test("a deletion under way is stopped after its step, and no other question takes its place", () => {
  const under = deleting.began(asking());
  const stopped = deleting.cancelled(under, NOW);
  assert.equal(deleting.continues(under, under.confirm), true);
  assert.equal(deleting.continues(stopped, under.confirm), false);
  assert.equal(deleting.isStill(deleting.progressed(stopped, []), under.confirm), true);
  assert.equal(deleting.askedAbout(stopped, task(9)), stopped);
  assert.equal(deleting.asked(stopped), stopped);
  assert.equal(deleting.isStill(asking(), under.confirm), false);
});

test("a deletion that is stopped half way reports what it has done", () => {
  const state = deleting.progressed(asking(), [{ id: 2, outcome: "deleted", status: null }]);
  assert.match(JSON.stringify(deleting.cancelled(state, NOW).toasts), /1 task deleted/);
  assert.equal(deleting.cancelled(asking(), NOW).toasts.length, 0);
});

// Who is here.

test("signing out forgets everything but the version, the place and what the person chose", () => {
  const state = change.signedOut(looking(), "bye");
  assert.deepEqual(state, { ...change.initial("", "", "1", atTab("pending"), PREFERENCES), notice: "bye" });
});

test("a viewer gets no form, whatever the address says", () => {
  const place = { ...HOME, start: "test_task" };
  assert.equal(change.initial("eve", "viewer", "1", place, PREFERENCES).start, null);
  assert.equal(change.initial("admin", "admin", "1", place, PREFERENCES).start.job, "test_task");
});
