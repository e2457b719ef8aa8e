import assert from "node:assert/strict";
import { test } from "node:test";
import * as clusterChange from "../../../../static/js/state/clusters/changes.js";
import * as elsewhere from "../../../../static/js/state/clusters/elsewhere.js";
import * as connection from "../../../../static/js/state/connection.js";
import { HOME, atView } from "../../../../static/js/state/place.js";
import * as state from "../../../../static/js/state/state.js";
import { following } from "../../support.js";

const MOVES = { pool: "rbd", id: 3, from: 8, to: 64, percent: 40, text: "PGs 40 of 64", since: "2025-11-24T12:00:00.000Z" };
const REMOVAL = { pool: "rbd", id: 3, from: null, to: null, percent: 7, text: "Removing image rbd/a", since: "2025-11-24T12:00:00.000Z" };
const MAIN = { fsid: "one", name: "main" };
const cluster = (name, ...changes) => ({ fsid: name, name, changes });
const silent = (name) => ({ fsid: name, name, changes: null });
const seen = (...clusters) => elsewhere.withAnswers(elsewhere.NOTHING_SEEN, 0, clusters);

test("the changes of all clusters are in one list, each with its cluster", () => {
  const rows = elsewhere.rowsOf(seen(cluster("one", MOVES, REMOVAL), silent("two"), cluster("three", MOVES)));

  assert.deepEqual(rows.map(({ cluster: name, text }) => [name, text]), [
    ["one", "PGs 40 of 64"],
    ["one", "Removing image rbd/a"],
    ["three", "PGs 40 of 64"],
  ]);
  assert.equal(new Set(rows.map(({ key }) => key)).size, 3);
});

test("a cluster that two sections of config.ini name is asked once, by the one that reaches it", () => {
  const section = (name, fsid, reachable) => ({ name, fsid, reachable });
  const asked = elsewhere.eachOnce([
    section("old key", "one", false),
    section("main", "one", true),
    section("again", "one", true),
    section("dead", "two", false),
    section("new", null, false),
  ]);

  assert.deepEqual(asked.map(({ name }) => name), ["main", "dead", "new"]);
});

test("a change is the same one however far it is", () => {
  assert.equal(elsewhere.keyOf("one", MOVES), elsewhere.keyOf("one", { ...MOVES, percent: 60, text: "PGs 50 of 64" }));
  assert.notEqual(elsewhere.keyOf("one", MOVES), elsewhere.keyOf("one", REMOVAL));
});

test("a change of a pool's PGs is found by the pool, and by nothing else", () => {
  const one = seen(cluster("one", REMOVAL, MOVES));

  assert.equal(elsewhere.changeOfPool(one, "one", 3).to, 64);
  assert.equal(elsewhere.changeOfPool(one, "one", 4), undefined);
  assert.equal(elsewhere.changeOfPool(one, "two", 3), undefined);
});

test("a change that a person follows is marked until there is a task, and then gone at once", () => {
  const began = elsewhere.followBegan(seen(cluster("one", MOVES, REMOVAL)), elsewhere.poolKey("one", 3));
  assert.deepEqual(elsewhere.rowsOf(began).map(({ isFollowing }) => isFollowing), [true, false]);

  const refused = elsewhere.followEnded(began, elsewhere.poolKey("one", 3), false);
  assert.deepEqual(elsewhere.rowsOf(refused).map(({ isFollowing }) => isFollowing), [false, false]);

  const followed = elsewhere.followEnded(began, elsewhere.poolKey("one", 3), true);
  assert.deepEqual(elsewhere.rowsOf(followed).map(({ text }) => text), ["Removing image rbd/a"]);
});

test("an answer to a question from before a person followed a change brings nothing back", () => {
  const followed = elsewhere.followEnded(seen(cluster("one", MOVES)), elsewhere.poolKey("one", 3), true);

  assert.deepEqual(elsewhere.rowsOf(elsewhere.withAnswers(followed, 0, [cluster("one", MOVES)])), []);
  assert.equal(elsewhere.rowsOf(elsewhere.withAnswers(followed, followed.number, [cluster("one", MOVES)])).length, 1);
});

test("clusters are asked more often while something is changing", () => {
  assert.ok(elsewhere.pauseMilliseconds(seen(cluster("one", MOVES))) < elsewhere.pauseMilliseconds(seen(cluster("one"))));
});

test("clusters that do not answer are named in one line", () => {
  assert.equal(elsewhere.silenceText(seen(cluster("one"))), "");
  assert.equal(
    elsewhere.silenceText(seen(cluster("one"), silent("two"))),
    "Cluster two does not answer: its changes are not known.",
  );
  assert.equal(
    elsewhere.silenceText(seen(...["a", "b", "c"].map(silent))),
    "Clusters a, b (+1 more) do not answer: their changes are not known.",
  );
});

test("a change says how far it has got, and its cluster if there are several", () => {
  assert.equal(elsewhere.detailText({ ...MOVES, cluster: "main" }, false), "PGs 40 of 64");
  assert.equal(elsewhere.detailText({ ...MOVES, cluster: "main" }, true), "PGs 40 of 64 · in cluster main");
  assert.equal(elsewhere.detailText({ ...REMOVAL, cluster: "main" }, true), "reported by the cluster · in cluster main");
});

test("a sentence says how many of them are in progress", () => {
  assert.equal(elsewhere.inProgressText(1), "A change begun elsewhere is in progress.");
  assert.equal(elsewhere.inProgressText(2), "2 changes begun elsewhere are in progress.");
});

test("clusters are asked for changes only while these are on the screen", () => {
  const at = (place) => clusterChange.isElsewhereSeen(state.went(following(), place));

  assert.ok(at(HOME));
  assert.ok(!at({ ...HOME, view: atView("pools") }), "it is not known yet which there are");
  assert.ok(clusterChange.isElsewhereSeen(clusterChange.withClusters(state.went(following(), { ...HOME, view: atView("pools") }), [MAIN])));
  assert.ok(!at({ ...HOME, view: atView("images") }));
  assert.ok(!at({ ...HOME, tab: "pending" }));
  assert.ok(!at({ ...HOME, task: 7 }));
  assert.ok(!clusterChange.isElsewhereSeen(state.leaving(following(), true)));
  assert.ok(!clusterChange.isElsewhereSeen(connection.disconnected(following(), false, 0)));
});

test("if no cluster is configured, the list is not requested again", () => {
  assert.ok(!clusterChange.isElsewhereSeen(clusterChange.withClusters(following(), [])));
  assert.ok(clusterChange.isElsewhereSeen(clusterChange.withClusters(following(), [{ fsid: null, name: "main" }])));
});
