import assert from "node:assert/strict";
import { test } from "node:test";
import * as clusterChange from "../../../../static/js/state/clusters/changes.js";
import * as ceph from "../../../../static/js/state/clusters/clusters.js";
import * as connection from "../../../../static/js/state/connection.js";
import { HOME, atTab, atView } from "../../../../static/js/state/place.js";
import * as change from "../../../../static/js/state/state.js";
import * as lists from "../../../../static/js/state/tasks/lists.js";
import { NOW, PREFERENCES, following, frame, task, transition } from "../../support.js";

const CLUSTERS = [
  { name: "main", fsid: "f", reachable: true },
  { name: "other", fsid: "g", reachable: true },
];
const pool = (id, fields = {}) => ({ id, name: `pool${id}`, pg_num: 8, pg_num_target: 8, pgp_num: 8, pgp_num_target: 8, task: null, ...fields });
const pageOf = (results, fields = {}) => ({ results, count: results.length, as_of: "2025-11-24T12:00:00.000Z", ...fields });
const ids = (state) => state.ceph.list.results.map(({ id }) => id);
const pools = (fields = {}) => ({ ...HOME, view: { ...atView("pools"), ...fields } });

function opened(place = pools(), clusters = CLUSTERS) {
  return clusterChange.withClusters(change.went(following(), place), clusters);
}

function answered(state, results, fields, { isHeld = false, now = NOW } = {}) {
  const asked = clusterChange.viewLoadBegan(state);
  return clusterChange.withViewAnswer(asked, asked.ceph.list.loading.number, pageOf(results, fields), isHeld, now);
}

// Which cluster.

test("nothing is listed before the clusters are known", () => {
  const state = change.went(following(), pools());
  assert.equal(state.ceph.list, null);
  assert.equal(clusterChange.withClusters(state, []).ceph.list, null);
});

test("the first cluster is shown, however it is, unless another one was chosen", () => {
  const [main, other] = CLUSTERS;
  const clusters = [{ ...main, reachable: false }, other];
  assert.equal(opened(pools(), clusters).ceph.list.query.fsid, "f");
  assert.equal(opened(pools({ cluster: "other" }), clusters).ceph.list.query.fsid, "g");
  assert.equal(opened(pools({ cluster: "gone" }), clusters).ceph.list.query.fsid, "f");
});

test("a cluster of which nobody knows yet which it is lists nothing", () => {
  assert.equal(opened(pools(), [{ name: "main", fsid: null, error: "no such file" }]).ceph.list, null);
});

test("a cluster created again under the same name is another one", () => {
  const state = answered(opened(), [pool(1)]);
  const anew = clusterChange.withClusters(state, [{ ...CLUSTERS[0], fsid: "h" }]);
  assert.deepEqual([anew.ceph.list.query.fsid, ids(anew)], ["h", []]);
});

// The rows.

test("the query follows the address, and the rows stay until the answer", () => {
  const state = change.went(answered(opened(), [pool(1)]), pools({ search: " rbd ", ordering: "-used_bytes", page: 2, size: 10 }));
  assert.deepEqual(state.ceph.list.query, { view: "pools", fsid: "f", search: "rbd", ordering: "-used_bytes", page: 2, size: 10 });
  assert.deepEqual([ids(state), state.ceph.list.isStale], [[1], true]);
});

test("another view begins empty, and Home forgets all but the clusters", () => {
  const state = change.went(answered(opened(), [pool(1)]), { ...HOME, view: atView("images") });
  assert.deepEqual(ids(state), []);
  const home = change.went(state, HOME);
  assert.deepEqual([home.ceph.list, home.ceph.clusters], [null, CLUSTERS]);
});

test("only the answer to the last request counts", () => {
  const first = clusterChange.viewLoadBegan(opened());
  const second = clusterChange.viewLoadBegan(first);
  const late = clusterChange.withViewAnswer(second, first.ceph.list.loading.number, pageOf([pool(1)]), false, NOW);
  assert.deepEqual(ids(late), []);
  assert.equal(clusterChange.withCeph(second, ceph.loadFailed, first.ceph.list.loading.number, "no").ceph.list.error, "");
});

test("while a person is in the rows they keep their places", () => {
  const state = answered(opened(), [pool(1), pool(2), pool(3)]);
  assert.deepEqual(ids(answered(state, [pool(3), pool(4), pool(1)])), [3, 4, 1]);
  assert.deepEqual(ids(answered(state, [pool(3), pool(4), pool(1)], {}, { isHeld: true })), [1, 3, 4]);
});

test("a page past the end is left for the last one", () => {
  const state = answered(opened(pools({ page: 4, size: 10 })), [], { count: 12 });
  assert.deepEqual([state.place.view.page, state.needs.address, state.ceph.list.isStale], [2, true, true]);
});

test("rows are loaded again after ten seconds, and after two while something changes", () => {
  const isStale = (state, seconds) => clusterChange.withCeph(state, ceph.aged, NOW + seconds * 1000).ceph.list.isStale;
  const still = answered(opened(), [pool(1)]);
  assert.deepEqual([isStale(still, 9), isStale(still, 10)], [false, true]);
  const changing = answered(opened(), [pool(1, { task: 7 })]);
  assert.deepEqual([isStale(changing, 1), isStale(changing, 2)], [false, true]);
});

test("a list that failed waits until it is requested again", () => {
  const asked = clusterChange.viewLoadBegan(opened());
  const failed = clusterChange.withCeph(asked, ceph.loadFailed, asked.ceph.list.loading.number, "no mon answered");
  assert.equal(clusterChange.withCeph(failed, ceph.aged, NOW + 60000), failed);
  assert.deepEqual([failed.ceph.list.error, lists.reloadAsked(failed).ceph.list.isStale], ["no mon answered", true]);
});

test("the view rests under the dialog, under a task, and without a connection", () => {
  assert.ok(clusterChange.isViewSeen(opened()));
  assert.ok(!clusterChange.isViewSeen(opened({ ...atTab("pending"), view: atView("pools") })));
  assert.ok(!clusterChange.isViewSeen(opened({ ...pools(), task: 7 })));
  assert.ok(!clusterChange.isViewSeen(opened(HOME)));
  assert.ok(!clusterChange.isViewSeen(connection.disconnected(opened(), false, NOW)));
});

// Tasks.

const setting = (fields = {}) => task(7, { job: "pool_pgs", params: { fsid: "f", pg_num: 64 }, percent: 40, revision: 11, ...fields });

test("tasks on pools are known from frames, and if one begins or ends the rows are loaded again", () => {
  let state = answered(opened(), [pool(1)]);
  state = connection.withMessage(state, frame(10, 11, { tasks: [setting()], transitions: [transition(7, "Running", 11)] }), NOW);
  assert.equal(state.ceph.tasks.get(7).percent, 40);
  assert.ok(state.ceph.list.isStale);
  const going = answered(state, [pool(1, { task: 7 })]);
  const grown = connection.withMessage(going, frame(11, 12, { tasks: [setting({ percent: 60, revision: 12 })] }), NOW);
  assert.deepEqual([grown.ceph.tasks.get(7).percent, grown.ceph.list.isStale], [60, false]);
});

test("a transition alone changes the status of a task that is known", () => {
  const state = clusterChange.withCeph(answered(opened(), [pool(1, { task: 7 })]), ceph.withTasks, [setting()]);
  const ended = connection.withMessage(state, frame(10, 12, { transitions: [transition(7, "Aborted", 12)] }), NOW);
  assert.deepEqual([ended.ceph.tasks.get(7).status, ended.ceph.list.isStale], ["Aborted", true]);
});

test("other tasks are none of its business, unless a pool names them", () => {
  const other = task(8, { job: "chain", params: {}, revision: 11 });
  const state = answered(opened(), [pool(1, { task: 8 })]);
  assert.equal(connection.withMessage(state, frame(10, 11, { tasks: [other] }), NOW).ceph.tasks.size, 0);
  assert.deepEqual(ceph.unknownTasks(state.ceph), [8]);
  const known = clusterChange.withCeph(state, ceph.withTasks, [{ ...other, revision: 9 }]);
  assert.deepEqual(ceph.unknownTasks(known.ceph), []);
  assert.equal(connection.withMessage(known, frame(10, 11, { tasks: [other] }), NOW).ceph.tasks.get(8).revision, 11);
});

test("an answer that is older than a frame does not set a task back", () => {
  const state = clusterChange.withCeph(opened(), ceph.withTasks, [setting({ percent: 60, revision: 12 })]);
  assert.equal(clusterChange.withCeph(state, ceph.withTasks, [setting()]).ceph.tasks.get(7).percent, 60);
});

test("tasks that have ended or were deleted are forgotten once no pool names them", () => {
  const ended = [setting({ status: "Finished" }), setting({ id: 9, status: "Finished" }), setting({ id: 10 })];
  const state = clusterChange.withCeph(opened(), ceph.withTasks, ended);
  const kept = answered(state, [pool(1, { task: 9 })]);
  assert.deepEqual([...kept.ceph.tasks.keys()], [9, 10]);
  assert.deepEqual([...connection.withMessage(kept, frame(10, 11, { deleted: [10] }), NOW).ceph.tasks.keys()], [9]);
});

test("a gap in what was heard asks for the rows again", () => {
  const state = answered(opened(), [pool(1)]);
  assert.ok(connection.withMessage(state, { type: "resync", revision: 90 }, NOW).ceph.list.isStale);
});

test("a task that is opened from a pool is known at once", () => {
  const state = clusterChange.withCeph(opened(), ceph.withTasks, [setting()]);
  assert.equal(change.went(state, { ...pools(), task: 7 }).open.task.percent, 40);
});

// What is done here.

test("a pool that was changed or created is visible before the list is loaded again", () => {
  const state = answered(opened(), [pool(1), pool(2)]);
  const changed = clusterChange.withCeph(state, ceph.withPool, pool(2, { task: 7 }));
  assert.deepEqual([ids(changed), changed.ceph.list.results[1].task, changed.ceph.list.isStale], [[1, 2], 7, true]);
  const created = clusterChange.withCeph(state, ceph.withPool, pool(9), true);
  assert.deepEqual([ids(created), created.ceph.list.count, created.ceph.created], [[9, 1, 2], 3, "pool9"]);
});

test("images are selected by their path, with ranges, and keep to what is there", () => {
  const image = (name) => ({ pool: "rbd", name });
  let state = answered(opened({ ...HOME, view: atView("images") }), [image("a"), image("b"), image("c")]);
  state = clusterChange.imageClicked(clusterChange.imageClicked(state, "rbd/a", false), "rbd/c", true);
  assert.deepEqual([...state.ceph.selection.ids], ["rbd/a", "rbd/b", "rbd/c"]);
  assert.deepEqual([...answered(state, [image("a"), image("d")]).ceph.selection.ids], ["rbd/a"]);
  assert.equal(clusterChange.allImagesClicked(state).ceph.selection.ids.size, 0);
});

test("a form is open if the address says so, for people who may change something", () => {
  const at = pools({ form: "pgs", pool: 2 });
  const state = answered(opened(at), [pool(1), pool(2)]);
  assert.deepEqual([state.ceph.form.pool.id, state.ceph.form.values.pg_num], [2, "8"]);
  assert.equal(change.went(state, pools()).ceph.form, null);
  const viewer = clusterChange.withClusters({ ...change.initial("v", "viewer", "1", at, PREFERENCES) }, CLUSTERS);
  assert.equal(viewer.ceph.form, null);
});

test("a form keeps what was typed while the rows change below it", () => {
  const state = answered(opened(pools({ form: "create" })), [pool(1)]);
  const typed = clusterChange.withViewForm(state, state.ceph.form, (form) => ({ ...form, values: { ...form.values, name: "new" } }));
  assert.equal(answered(typed, [pool(2)]).ceph.form.values.name, "new");
  const closed = change.went(typed, pools());
  assert.equal(clusterChange.withViewForm(closed, typed.ceph.form, () => ({ kind: "never" })), closed);
});
