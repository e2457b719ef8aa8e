import assert from "node:assert/strict";
import { test } from "node:test";
import * as pools from "../../../../static/js/state/clusters/pools.js";
import { task } from "../../support.js";

const pool = (fields = {}) => ({ name: "rbd", pg_num: 8, pg_num_target: 8, pgp_num: 8, pgp_num_target: 8, task: null, ...fields });
const setting = (fields = {}) =>
  task(7, { job: "pool_pgs", started: "t", params: { pg_num: 64 }, metadata: { from: 8, to: 64 }, ...fields });

test("a pool that is at its target stands still", () => {
  assert.deepEqual(pools.pgsOf(pool(), undefined), { kind: "still", from: 8, to: 8 });
  assert.equal(pools.pgsOf(pool(), setting({ status: "Finished" })).kind, "still");
});

test("a task shows its target from the start, however far the pool has got", () => {
  assert.deepEqual(pools.pgsOf(pool(), setting({ started: null, status: "Not Started" })), { kind: "waits", from: 8, to: 64 });
  const now = pool({ pg_num: 40, pg_num_target: 64, pgp_num: 22, pgp_num_target: 64 });
  assert.deepEqual(pools.pgsOf(now, setting()), { kind: "changes", from: 8, to: 64 });
  assert.equal(pools.stepText(now, { to: 64 }), "40 PGs, 22 placed");
  assert.equal(pools.stepText(pool({ pg_num: 64, pgp_num: 22 }), { to: 64 }), "22 of 64 placed");
  assert.equal(pools.stepText(pool({ pg_num: 64, pgp_num: 64 }), { to: 64 }), "");
});

test("if the former number is not known, a change starts from the present one", () => {
  assert.equal(pools.pgsOf(pool({ pg_num: 16 }), setting({ metadata: { from: null } })).from, 16);
});

test("what somebody else changes is seen as well", () => {
  const moving = pool({ pg_num: 12, pg_num_target: 32 });
  assert.deepEqual(pools.pgsOf(moving, undefined), { kind: "moves", from: 12, to: 32 });
  assert.deepEqual(pools.pgsOf(moving, task(9, { job: "chain", params: {} })), { kind: "moves", from: 12, to: 32 });
});

test("a pool that is being created says so", () => {
  assert.equal(pools.pgsOf(pool(), setting({ job: "pool_create", params: { pg_num: 8 } })).kind, "creates");
});

test("it is worth asking often while one of them has a task or moves", () => {
  assert.ok(!pools.isAnyChanging([pool(), pool()], new Map()));
  assert.ok(pools.isAnyChanging([pool(), pool({ task: 3 })], new Map()));
  assert.ok(pools.isAnyChanging([pool({ pgp_num: 4 })], new Map()));
});

test("the powers of two around a number are offered", () => {
  assert.deepEqual(pools.powersAround(8), [4, 16, 32, 64]);
  assert.deepEqual(pools.powersAround(12), [8, 16, 32, 64]);
  assert.deepEqual(pools.powersAround(1), [2, 4, 8]);
  assert.deepEqual(pools.powersAround(65536), [32768]);
});

test("a typed whole number is sent as a number, anything else as it is", () => {
  assert.deepEqual([" 64 ", "-3", "8.5", "many", ""].map(pools.typedNumber), [64, -3, "8.5", "many", ""]);
  assert.deepEqual(["64", "8.5", "", "9".repeat(20)].map(pools.isWhole), [true, false, false, false]);
});

test("the meaning says what moves, what cannot be stopped, and whether it can be set back", () => {
  const change = { from: 8, to: 64, moves_bytes_at_most: 1.5 * 2 ** 30, reversible: true };
  const [moves, carriesOn, back] = pools.meaning(change);
  assert.match(moves, /at most 1\.5 GiB/);
  assert.match(carriesOn, /aborting the task only stops tracking it/);
  assert.match(back, /can be set back/);
  assert.match(pools.meaning({ ...change, reversible: false })[2], /cannot be set back/);
  assert.match(pools.meaning({ ...change, moves_bytes_at_most: 0 })[0], /no data/);
  assert.equal(pools.meaning({ ...change, from: 64 }).length, 1);
});
