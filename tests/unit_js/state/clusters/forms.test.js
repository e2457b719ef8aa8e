import assert from "node:assert/strict";
import { test } from "node:test";
import * as forms from "../../../../static/js/state/clusters/forms.js";
import { atView } from "../../../../static/js/state/place.js";

const LIST = { query: { fsid: "f" }, results: [{ id: 2, name: "rbd", pg_num_target: 8 }] };
const opened = (form, pool = null, name = "pools") => forms.formFor(null, { ...atView(name), form, pool }, LIST);
const typed = (form, values) => Object.entries(values).reduce((one, [name, value]) => forms.valueSet(one, name, value), form);
const preflight = (fields) => ({ from: 8, to: 64, warnings: [], refused: null, ...fields });
const to64 = () => typed(opened("pgs", 2), { pg_num: "64" });

test("a pool that is not on the page has to be looked up first", () => {
  const form = opened("pgs", 9);
  assert.ok(forms.isLacking(form) && forms.toConsider(form) === null);
  assert.ok(!forms.isLacking(forms.withPool(form, { id: 9, pg_num_target: 16 })));
  assert.ok(!forms.isLacking(forms.refused(form, { message: "There is no pool 9." })));
});

test("each whole number that is typed is asked about once", () => {
  const form = to64();
  assert.equal(forms.toConsider(form), "64");
  assert.equal(forms.toConsider(typed(form, { pg_num: "many" })), null);
  const told = forms.considered(form, "64", preflight());
  assert.equal(forms.toConsider(told), null);
  assert.equal(forms.toConsider(forms.askedAgain(told)), "64");
  assert.deepEqual(forms.preflightOf(forms.askedAgain(told)), preflight());
});

test("an answer about another number is not for this one", () => {
  const form = typed(to64(), { pg_num: "32" });
  assert.equal(forms.considered(form, "64", preflight()), form);
  assert.equal(forms.preflightOf({ ...form, preflight: preflight() }), null);
});

test("only what was looked at, is a change and is not refused may be set", () => {
  const form = to64();
  const may = (fields) => forms.maySet(forms.considered(form, "64", preflight(fields)));
  assert.ok(!forms.maySet(form));
  assert.ok(may({}));
  assert.ok(!may({ from: 64 }));
  assert.ok(!may({ refused: "impossible" }));
  assert.ok(!forms.maySet(forms.began(forms.considered(form, "64", preflight()))));
  assert.ok(!forms.maySet(forms.notConsidered(form, "64", "no mon answered")));
});

test("an error is shown at its field, one about the whole form at the first field", () => {
  const form = forms.refused(opened("create"), { message: "2 mistakes", errors: { pg_num: ["too many"], colour: ["unknown"] } });
  assert.deepEqual(forms.errorsAt(form, "pg_num"), ["too many"]);
  assert.deepEqual(forms.errorsAt(form, "name", true), ["unknown"]);
  const taken = forms.refused(opened("create"), { message: "There is already a pool rbd." });
  assert.deepEqual(forms.errorsAt(taken, "name", true), ["There is already a pool rbd."]);
  assert.deepEqual(forms.errorsAt(typed(taken, { name: "x" }), "name", true), []);
});

test("a new pool is sent as it was typed, numbers as numbers", () => {
  assert.deepEqual(forms.newPool(typed(opened("create"), { name: " data ", pg_num: "16" })), { name: "data", pg_num: 16, application: "rbd" });
  assert.equal(forms.newPool(typed(opened("create"), { pg_num: "many" })).pg_num, "many");
});

test("performance data is requested about what was chosen", () => {
  const form = forms.withPools(opened("performance", null, "images"), [{ name: "fs", application: "cephfs" }, { name: "rbd", application: "rbd" }]);
  assert.deepEqual(form.pools, ["rbd"]);
  const common = { seconds: 60, interval_seconds: 1 };
  assert.deepEqual(forms.measurement(form, []), common);
  assert.deepEqual(forms.measurement(forms.scoped(form, "pool"), []), { pools: ["rbd"], ...common });
  assert.deepEqual(forms.measurement(forms.scoped(form, "selected"), ["rbd/a"]), { images: ["rbd/a"], ...common });
  assert.equal(forms.measurement(typed(form, { seconds: "soon" }), []).seconds, "soon");
});

test("pools of several applications are offered if one is rbd, those of the cluster's own never", () => {
  const pools = [
    { name: "both", application: "cephfs", applications: ["cephfs", "rbd"], internal: false },
    { name: ".own", application: "rbd", applications: ["rbd"], internal: true },
    { name: "fs", application: "cephfs", applications: ["cephfs"], internal: false },
  ];
  assert.deepEqual(forms.withPools(opened("performance", null, "images"), pools).pools, ["both"]);
});

test("it says how many samples that makes", () => {
  const form = opened("performance", null, "images");
  assert.equal(forms.samplesOf(form), 60);
  assert.equal(forms.samplesOf(typed(form, { interval_seconds: "2.5" })), 24);
  assert.equal(forms.samplesOf(typed(form, { interval_seconds: "0" })), null);
  assert.equal(forms.samplesOf(typed(form, { seconds: "soon" })), null);
});
