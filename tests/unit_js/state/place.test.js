import assert from "node:assert/strict";
import { test } from "node:test";
import { HOME, NO_CURVES, addressOf, atTab, atView, isAtHome, isAtView, placeFrom, queryOf } from "../../../static/js/state/place.js";

const queryPart = (place) => addressOf(place).replace("/openattic/", "");

test("Home needs no words in the address", () => {
  assert.equal(addressOf(HOME), "/openattic/");
  assert.deepEqual(placeFrom(""), HOME);
});

test("every place comes back from its address", () => {
  const places = [
    atTab("pending"),
    { ...HOME, task: 17 },
    { ...HOME, start: "", from: null },
    { ...HOME, start: "test_task", from: 4 },
    { ...atTab("finished"), search: "disk & <b>", ordering: "-runtime", page: 3, size: 25, task: 9 },
    { ...HOME, view: atView("pools") },
    { ...HOME, view: { ...atView("pools", "main"), search: "a&b", ordering: "-used_bytes", page: 2, size: 10 } },
    { ...HOME, view: { ...atView("pools"), form: "pgs", pool: 3 } },
    { ...atTab("failed", { ...atView("images"), search: "web" }), search: "disk" },
    { ...HOME, task: 4, curves: { measure: "latency", side: "writes", images: ["rbd/disk1", "rbd/a,b"] } },
  ];
  for (const place of places) assert.deepEqual(placeFrom(queryPart(place)), place);
});

test("invalid parameters of an address are ignored", () => {
  assert.deepEqual(placeFrom("?tab=nonsense&search=x&page=4"), HOME);
  assert.deepEqual(placeFrom("?tab=pending&sort=-runtime&page=0&size=7&task=-1"), atTab("pending"));
  assert.deepEqual(placeFrom("?tab=constructor&task=1e9"), HOME);
  assert.equal(placeFrom(`?tab=pending&search=${"x".repeat(9999)}`).search.length, 500);
  assert.equal(placeFrom("?view=constructor").view, null);
  assert.deepEqual(placeFrom("?view=images&view.form=pgs&view.pool=3&view.sort=autoscale&view.size=7").view, atView("images"));
  assert.deepEqual(placeFrom("?measure=latency").curves, NO_CURVES);
  assert.deepEqual(placeFrom("?task=1&measure=toString&side=all").curves, { ...NO_CURVES, images: [] });
});

test("a tab asks for its own ordering and the preferred size unless the address says otherwise", () => {
  assert.equal(queryOf(HOME, 50), null);
  assert.deepEqual(queryOf({ ...atTab("failed"), search: " disk " }, 25), {
    tab: "failed",
    search: "disk",
    ordering: "-last_modified",
    page: 1,
    size: 25,
  });
  assert.equal(queryOf({ ...atTab("failed"), size: 10, ordering: "status" }, 25).size, 10);
});

test("a view or Home is what is seen, unless a task stands in its place", () => {
  const pools = { ...HOME, view: atView("pools") };
  assert.deepEqual([isAtHome(HOME), isAtHome(pools), isAtHome({ ...HOME, task: 3 })], [true, false, false]);
  assert.deepEqual([isAtView(pools, "pools"), isAtView(pools, "images"), isAtView({ ...pools, task: 3 }, "pools")], [true, false, false]);
  assert.ok(isAtHome({ ...HOME, tab: "pending", task: 3 }));
});
