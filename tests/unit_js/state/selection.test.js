import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, allClicked, clicked, isAll, limitedTo } from "../../../static/js/state/selection.js";

const ORDER = [5, 4, 3, 2, 1];
const ids = (selection) => [...selection.ids].sort();

test("a click chooses one, and another click no longer", () => {
  const one = clicked(NOTHING, ORDER, 4, false);
  assert.deepEqual(ids(one), [4]);
  assert.deepEqual(ids(clicked(one, ORDER, 4, false)), []);
});

test("Shift chooses all from the last clicked row to this one, in either direction", () => {
  const from4 = clicked(NOTHING, ORDER, 4, false);
  assert.deepEqual(ids(clicked(from4, ORDER, 2, true)), [2, 3, 4]);
  assert.deepEqual(ids(clicked(clicked(NOTHING, ORDER, 2, false), ORDER, 4, true)), [2, 3, 4]);
});

test("Shift on a chosen row takes the range out", () => {
  const all = { ...allClicked(NOTHING, ORDER), anchor: 5 };
  assert.deepEqual(ids(clicked(all, ORDER, 3, true)), [1, 2]);
});

test("Shift without a row clicked before, or after that row is gone, selects one", () => {
  assert.deepEqual(ids(clicked(NOTHING, ORDER, 3, true)), [3]);
  assert.deepEqual(ids(clicked({ ids: new Set(), anchor: 99 }, ORDER, 3, true)), [3]);
});

test("Select all chooses all on the page, then none", () => {
  const all = allClicked(clicked(NOTHING, ORDER, 3, false), ORDER);
  assert.ok(isAll(all, ORDER));
  assert.deepEqual(ids(allClicked(all, ORDER)), []);
  assert.equal(isAll(NOTHING, []), false);
});

test("rows that are gone are no longer selected", () => {
  const all = allClicked(NOTHING, ORDER);
  assert.deepEqual(ids(limitedTo(all, [1, 2])), [1, 2]);
  assert.equal(limitedTo(all, ORDER), all);
});
