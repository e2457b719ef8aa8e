import assert from "node:assert/strict";
import { test } from "node:test";
import * as curves from "../../../../static/js/state/clusters/curves.js";
import { at } from "../../support.js";

const NOTHING = Object.fromEntries(curves.FIGURES.map((name) => [name, 0]));
const UNKNOWN = Object.fromEntries(curves.FIGURES.map((name) => [name, null]));

function image(reads, writes, fields = {}) {
  return { measured: true, ...NOTHING, read_ops: reads, write_ops: writes, ...fields };
}

function sample(number, images) {
  return { number, at: at(number), output: { images } };
}

const SIZES = { number: 1, at: at(1), output: { images: { "rbd/a": { size_bytes: 100, used_bytes: 40 } } } };
const WAITING = { number: 2, at: at(2), output: null };
const running = (...rounds) => ({ id: 7, task: { result: null }, rounds });
const dataOf = (...rounds) => curves.dataOf(running(...rounds));

test("rounds that look for sizes or wait are no samples", () => {
  assert.equal(dataOf(SIZES, WAITING), null);
  const data = dataOf(SIZES, WAITING, sample(3, { "rbd/a": image(5, 1) }));
  assert.deepEqual(data.at, [Date.parse(at(3))]);
  assert.deepEqual(data.images.get("rbd/a").read_ops, [5]);
});

test("what was not measured is a gap, and what is idle is zero", () => {
  const data = dataOf(
    sample(1, { "rbd/a": image(5, 1), "rbd/b": { measured: false, ...UNKNOWN } }),
    sample(2, { "rbd/a": image(0, 0), "rbd/c": image(1, 1) }),
  );
  const ops = (path) => curves.valuesOf(data.images.get(path), "ops", "both");
  assert.deepEqual([ops("rbd/a"), ops("rbd/b"), ops("rbd/c")], [[6, 0], [null, null], [null, 2]]);
});

test("there is no latency without operations, and reads and writes are weighted by theirs", () => {
  const latencies = { read_latency_seconds: 1, write_latency_seconds: 4 };
  const data = dataOf(sample(1, { a: image(30, 10, latencies) }), sample(2, { a: image(0, 0) }));
  const values = (side) => curves.valuesOf(data.images.get("a"), "latency", side);
  assert.deepEqual(values("reads"), [1, null]);
  assert.deepEqual(values("writes"), [4, null]);
  assert.deepEqual(values("both"), [1.75, null]);
});

test("missing samples are a gap in the curve", () => {
  const rounds = [1, 2, 3, 9, 10].map((second) => sample(second, { a: image(second, 0) }));
  const { x, curves: [{ path, values }] } = curves.plotData(dataOf(...rounds), ["a"], "ops", "reads");
  assert.equal(path, "a");
  assert.deepEqual(x, [0, 1, 2, 5, 8, 9]);
  assert.deepEqual(values, [1, 2, 3, null, 9, 10]);
});

test("the busiest images are drawn, by name, or those that were chosen; never more than can be told apart", () => {
  const names = Array.from({ length: 12 }, (_, number) => `rbd/${String.fromCharCode(97 + number)}`);
  const data = dataOf(sample(1, Object.fromEntries(names.map((name, number) => [name, image(number, 0)]))));
  assert.deepEqual(curves.busiest(data).slice(0, 2), ["rbd/l", "rbd/k"]);
  assert.deepEqual(curves.selectedPaths(data, []), names.slice(4));
  assert.deepEqual(curves.selectedPaths(data, ["rbd/b", "rbd/gone", "rbd/a"]), ["rbd/a", "rbd/b"]);
  assert.deepEqual(curves.selectedPaths(data, ["rbd/gone"]), names.slice(4));
  assert.equal(curves.selectedPaths(data, names).length, curves.MOST_CURVES);
});

test("idle images are drawn only if none is busy", () => {
  const idle = { a: image(0, 0), b: image(0, 0) };
  assert.deepEqual(curves.selectedPaths(dataOf(sample(1, idle)), []), ["a", "b"]);
  assert.deepEqual(curves.selectedPaths(dataOf(sample(1, { ...idle, c: image(1, 0) })), []), ["c"]);
});

test("a click adds a curve, removes it, and does nothing if there is no room", () => {
  assert.deepEqual(curves.toggled(["b"], "a"), ["a", "b"]);
  assert.deepEqual(curves.toggled(["a", "b"], "a"), ["b"]);
  const full = ["a", "b", "c", "d", "e", "f", "g", "h"];
  assert.deepEqual(curves.toggled(full, "i"), full);
});

test("an image that could not be read has no curve and no zeros, and is listed with its error", () => {
  const error = { errno: 2, text: "its header is gone" };
  const measured = { ...image(5, 1), samples: 1, samples_measured: 1 };
  const result = { images: { "rbd/a": measured, "rbd/b": { error } }, series: { at: [at(1)], images: {} } };
  const open = { task: { result }, rounds: [] };

  assert.deepEqual([...curves.dataOf(open).images.keys()], ["rbd/a"]);
  assert.deepEqual(curves.failedImages(open), [{ path: "rbd/b", error }]);
  assert.deepEqual(curves.summaries(open, curves.dataOf(open), "ops").map(({ path }) => path), ["rbd/a"]);
});

test("while a task runs, its rounds name what could not be read, once", () => {
  const error = { errno: 110, text: "it does not answer" };
  const looked = { number: 1, at: at(1), output: { images: { "rbd/b": { error } } } };

  assert.equal(dataOf(looked, WAITING), null);
  assert.deepEqual(curves.failedImages(running(looked, { ...looked, number: 2 }, WAITING)), [{ path: "rbd/b", error }]);
  assert.deepEqual([...dataOf(looked, sample(3, { "rbd/a": image(1, 1) })).images.keys()], ["rbd/a"]);
});

// Figures.

test("the summary of samples so far is that of the result: values that were measured", () => {
  const rounds = Array.from({ length: 20 }, (_, number) => sample(number, { a: image(number + 1, 0) }));
  const figures = dataOf(...rounds).images.get("a");
  assert.deepEqual(curves.summaryOf(figures, "ops", "read"), { mean: 10.5, p50: 10, p95: 19, max: 20 });
  assert.deepEqual(curves.summaryOf(figures, "ops", "write"), { mean: 0, p50: 0, p95: 0, max: 0 });
});

test("the mean latency weighs by operations, and the others leave out samples without any", () => {
  const latency = (seconds) => ({ read_latency_seconds: seconds });
  const rounds = [sample(1, { a: image(30, 0, latency(1)) }), sample(2, { a: image(10, 0, latency(3)) }), sample(3, { a: image(0, 0) })];
  const figures = dataOf(...rounds).images.get("a");
  assert.deepEqual(curves.summaryOf(figures, "latency", "read"), { mean: 1.5, p50: 1, p95: 3, max: 3 });
});

test("what was never measured has no summary", () => {
  const data = dataOf(sample(1, { a: { measured: false, ...UNKNOWN } }));
  assert.equal(curves.summaryOf(data.images.get("a"), "ops", "read"), null);
});

test("the table has all images with their sizes, the busiest first", () => {
  const open = running(SIZES, sample(3, { "rbd/a": image(1, 0), "rbd/b": image(5, 1) }));
  const [first, second] = curves.summaries(open, curves.dataOf(open), "ops");
  assert.deepEqual([first.path, first.used_bytes, first.read.mean], ["rbd/b", null, 5]);
  assert.deepEqual([second.path, second.used_bytes, second.size_bytes], ["rbd/a", 40, 100]);
});

// The result.

const FIGURE = { mean: 2, p50: 2, p95: 3, max: 3 };

function finished() {
  const figures = (value) => Object.fromEntries(curves.FIGURES.map((name) => [name, value]));
  const result = {
    images: {
      busy: { size_bytes: 10, used_bytes: 5, measured: true, samples: 2, samples_measured: 2, ...figures(FIGURE) },
      idle: { size_bytes: 10, used_bytes: 0, measured: true, samples: 2, samples_measured: 2, ...figures({ ...FIGURE, mean: 0 }) },
      unknown: { size_bytes: 10, used_bytes: 0, measured: false, samples: 2, samples_measured: 0, ...figures(null) },
      partly: { size_bytes: 10, used_bytes: 0, measured: true, samples: 2, samples_measured: 1, ...figures(FIGURE) },
    },
    series: { at: [at(1), at(2)], interval_seconds: 1, images: { busy: figures([1, 3]) } },
  };
  return { id: 7, task: { result }, rounds: [] };
}

test("in a result images without a series were idle, or not measured in samples that it does not name", () => {
  const data = curves.dataOf(finished());
  const reads = (path) => data.images.get(path).read_ops;
  assert.deepEqual(data.at, [Date.parse(at(1)), Date.parse(at(2))]);
  assert.deepEqual([reads("busy"), reads("idle"), reads("unknown"), reads("partly")], [[1, 3], [0, 0], [null, null], [null, null]]);
});

test("the summary of a result is the one that it has", () => {
  const open = finished();
  const rows = curves.summaries(open, curves.dataOf(open), "latency");
  assert.deepEqual(rows.find(({ path }) => path === "busy").write, FIGURE);
  assert.equal(rows.find(({ path }) => path === "unknown").write, null);
});

// CSV.

test("the file has a line for each sample and image, with empty cells if nothing was reported", () => {
  const data = dataOf(sample(1, { "rbd/a": image(5, 1), "rbd/b": { measured: false, ...UNKNOWN } }));
  assert.deepEqual(curves.csvOf(data).split("\r\n"), [
    "at,image,read_ops,read_bytes,read_latency_seconds,write_ops,write_bytes,write_latency_seconds",
    "2025-11-24T12:00:01.000Z,rbd/a,5,0,0,1,0,0",
    "2025-11-24T12:00:01.000Z,rbd/b,,,,,,",
    "",
  ]);
});

test("names with commas, quotes or lines are quoted, and none is a formula", () => {
  const names = ["a,b", 'say "x"', "=1+1", "@x", "-1", "+1,2", "two\nlines"];
  const data = dataOf(sample(1, Object.fromEntries(names.map((name) => [name, image(0, 0)]))));
  const text = curves.csvOf(data);
  for (const cell of ['"a,b"', '"say ""x"""', "'=1+1", "'@x", "'-1", "\"'+1,2\"", '"two\nlines"']) {
    assert.ok(text.includes(`Z,${cell},0`), cell);
  }
});

test("rates say small numbers exactly enough", () => {
  assert.deepEqual([0, 0.34, 9.96, 412.4].map(curves.rate), ["0", "0.3", "10", "412"]);
  assert.equal(curves.bytesRate(1536), "1.5 KiB/s");
});
