import assert from "node:assert/strict";
import { test } from "node:test";
import * as images from "../../../../static/js/state/clusters/images.js";
import { task } from "../../support.js";

const disk = { pool: "rbd", name: "disk1" };
const measuring = (id, params, fields = {}) =>
  task(id, { job: "rbd_performance", params, metadata: { fsid: params?.fsid ?? "f" }, ...fields });

test("the pending tasks of this cluster get data, the newest first", () => {
  const tasks = [
    measuring(1, {}),
    measuring(2, {}, { status: "Finished" }),
    measuring(3, { fsid: "other" }),
    measuring(4, {}, { status: "Not Started" }),
    task(5, { job: "pool_pgs", metadata: { fsid: "f" } }),
  ];
  const known = new Map(tasks.map((one) => [one.id, one]));
  assert.deepEqual(images.samplings(known, "f").map(({ id }) => id), [4, 1]);
});

test("a task gets data of what it names, or of all", () => {
  assert.ok(images.covers(measuring(1, {}), disk));
  assert.ok(images.covers(measuring(1, { pools: ["rbd"] }), disk));
  assert.ok(images.covers(measuring(1, { pools: ["other"], images: ["rbd/disk1"] }), disk));
  assert.ok(!images.covers(measuring(1, { images: ["rbd/disk2"] }), disk));
});

test("how much is used is unknown, or a share that never exceeds the whole", () => {
  assert.equal(images.usedShare({ used_bytes: null, size_bytes: 10 }), null);
  assert.equal(images.usedShare({ used_bytes: 5, size_bytes: 10 }), 0.5);
  assert.equal(images.usedShare({ used_bytes: 11, size_bytes: 10 }), 1);
  assert.equal(images.usedShare({ used_bytes: 0, size_bytes: 0 }), 0);
});

test("an image is measured if the cluster reported anything about it", () => {
  assert.ok(!images.isMeasured(null));
  assert.ok(!images.isMeasured({ measured: false, read_ops: null }));
  assert.ok(images.isMeasured({ measured: true, read_ops: { mean: 0 } }));
});

test("a sparkline reaches the top with its largest value, and has a gap where nothing is known", () => {
  assert.deepEqual(images.sparkline([0, 10, 5], 100, 20), ["0.0,20.0 50.0,0.0 100.0,10.0"]);
  assert.deepEqual(images.sparkline([1, 1, null, 1, null], 100, 20), ["0.0,0.0 25.0,0.0", "75.0,0.0 76.0,0.0"]);
  assert.deepEqual(images.sparkline([0, 0], 100, 20), ["0.0,20.0 100.0,20.0"]);
  assert.deepEqual(images.sparkline([null, null], 100, 20), []);
  assert.deepEqual(images.sparkline([], 100, 20), []);
});

test("a sparkline is described in words as well", () => {
  assert.equal(images.sparklineText([3, 412, null, 250]), "Operations per second: from 3 to 412, 250 at the end");
  assert.equal(images.sparklineText([0, 0]), "Operations per second: none");
  assert.equal(images.sparklineText([null]), "Operations per second: not measured");
});

test("a path has pool, namespace and name, and what parts them is written otherwise inside of a name", () => {
  const paths = [
    [{ pool: "rbd", name: "disk1" }, "rbd/disk1"],
    [{ pool: "rbd", namespace: "", name: "disk1" }, "rbd/disk1"],
    [{ pool: "rbd", namespace: "team", name: "disk1" }, "rbd/team/disk1"],
    [{ pool: "we/ird", namespace: "50 %", name: "a/b%2F" }, "we%2Fird/50 %25/a%2Fb%252F"],
    [{ pool: "rbd", name: "שלום" }, "rbd/שלום"],
  ];
  for (const [image, path] of paths) assert.equal(images.pathOf(image), path);
  assert.equal(images.namesIn("we%2Fird/50 %25/a%2Fb%252F"), "we/ird/50 %/a/b%2F");
  assert.equal(images.namesIn("rbd/100 %"), "rbd/100 %");
});

test("images of the same name in other namespaces are other images to a task", () => {
  const task = measuring(1, { images: ["rbd/team/disk1"] });

  assert.ok(images.covers(task, { ...disk, namespace: "team" }));
  assert.ok(!images.covers(task, disk));
});
