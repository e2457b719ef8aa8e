/**
 * RBD performance data as curves: from the rounds while a task measures, from its result once it has ended. Pure.
 *
 * Data are `{ at, images }`: the times of the samples in milliseconds since 1970, and by path (`rbd/disk1`) the `figures` of
 * each image: a number for each sample, null if the cluster did not report it. Images that could not be read are left out.
 */

import { bytes, duration, number } from "../../text/format.js";

/** How many curves people can tell apart. */
export const MOST_CURVES = 8;
/** If two samples are further apart than this many times the usual distance, there is a gap between them. */
const GAP = 2.5;
const TENTH = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const MEASURES = {
  ops: { title: "Operations", unit: "per second", figure: (side) => `${side}_ops`, text: rate },
  bytes: { title: "Bytes", unit: "per second", figure: (side) => `${side}_bytes`, text: bytesRate },
  latency: { title: "Latency", unit: "per operation", figure: (side) => `${side}_latency_seconds`, text: duration },
};
export const SIDES = {
  both: { title: "Reads and writes" },
  reads: { title: "Reads", of: "read" },
  writes: { title: "Writes", of: "write" },
};
export const FIGURES = ["read", "write"].flatMap((side) => Object.values(MEASURES).map(({ figure }) => figure(side)));

/** Formats operations per second: `412`, `0.3`. */
export function rate(value) {
  return value < 10 ? TENTH.format(value) : number(Math.round(value));
}

export function bytesRate(value) {
  return `${bytes(value)}/s`;
}

// The data.

/** Returns the data that a task has collected so far; null before the first sample. */
export function dataOf({ task, rounds }) {
  const data = task.result?.series ? dataOfResult(task.result) : dataOfRounds(rounds);
  return data.at.length === 0 ? null : data;
}

/** Returns the data of a result. Images without a series had no operations in any sample that was measured; if some samples
 * were not measured, the result does not say which. */
function dataOfResult({ images, series }) {
  const at = series.at.map(Date.parse);
  const isKnown = ({ samples, samples_measured: measured }) => measured === samples;
  const constant = (image) => at.map(() => (isKnown(image) ? 0 : null));
  const figuresOf = (path) => (name) => series.images[path]?.[name] ?? constant(images[path]);
  const paths = Object.keys(images).filter((path) => !hasFailed(images[path]));
  return { at, images: byPath(paths, figuresOf) };
}

function hasFailed({ error }) {
  return error !== undefined && error !== null;
}

/** Returns `[{ path, error }]`: the images known to be unreadable. */
export function failedImages({ task, rounds }) {
  const parts = task.result?.images ? [task.result.images] : rounds.map(({ output }) => output?.images ?? {});
  const failed = new Map(parts.flatMap((images) => Object.entries(images).filter(([, image]) => hasFailed(image))));
  return [...failed].map(([path, { error }]) => ({ path, error })).sort((one, other) => (one.path < other.path ? -1 : 1));
}

function dataOfRounds(rounds) {
  const samples = rounds.filter(isSample);
  const paths = [...new Set(samples.flatMap(({ output }) => Object.keys(output.images)))].sort();
  const figuresOf = (path) => (name) => samples.map(({ output }) => output.images[path]?.[name] ?? null);
  return { at: samples.map(({ at }) => Date.parse(at)), images: byPath(paths, figuresOf) };
}

/** Returns whether a round took a sample, rather than looked up sizes or waited. */
function isSample({ output }) {
  return Object.values(output?.images ?? {}).some((image) => "measured" in image);
}

function byPath(paths, figuresOf) {
  const figures = (path) => Object.fromEntries(FIGURES.map((name) => [name, figuresOf(path)(name)]));
  return new Map(paths.map((path) => [path, figures(path)]));
}

// What is drawn.

/** Returns one value per sample; null is a gap. Without operations there is no latency. */
export function valuesOf(figures, measure, side) {
  if (measure === "latency") return latencies(figures, SIDES[side].of);
  const name = MEASURES[measure].figure;
  if (side !== "both") return figures[name(SIDES[side].of)];
  return sums(figures[name("read")], figures[name("write")]);
}

function sums(some, others) {
  return some.map((value, at) => (value === null || others[at] === null ? null : value + others[at]));
}

function latencies(figures, side) {
  if (side === undefined) return figures.read_ops.map((_, at) => meanLatency(figures, at));
  const seconds = figures[`${side}_latency_seconds`];
  return seconds.map((value, at) => (figures[`${side}_ops`][at] ? value : null));
}

function meanLatency(figures, at) {
  const [reads, writes] = [figures.read_ops[at] ?? 0, figures.write_ops[at] ?? 0];
  if (reads + writes === 0) return null;
  const seconds = reads * (figures.read_latency_seconds[at] ?? 0) + writes * (figures.write_latency_seconds[at] ?? 0);
  return seconds / (reads + writes);
}

/** Returns all paths, those with most operations first, then by name. */
export function busiest({ images }) {
  const total = totals(images);
  return [...images.keys()].sort((one, other) => total.get(other) - total.get(one) || (one < other ? -1 : 1));
}

function totals(images) {
  return new Map([...images].map(([path, figures]) => [path, sumOf(valuesOf(figures, "ops", "both"))]));
}

function sumOf(values) {
  return values.reduce((sum, value) => sum + (value ?? 0), 0);
}

/** Returns the paths whose curves are drawn, sorted by name: the chosen ones, else the busiest; idle ones if all are idle. */
export function selectedPaths(data, chosen) {
  const there = chosen.filter((path) => data.images.has(path));
  const paths = there.length > 0 ? there : busyOnes(data);
  return paths.slice(0, MOST_CURVES).sort();
}

function busyOnes(data) {
  const total = totals(data.images);
  const paths = busiest(data);
  const busy = paths.filter((path) => total.get(path) > 0);
  return busy.length > 0 ? busy : paths;
}

/** Returns the paths that are chosen after a click on an image; at most MOST_CURVES. */
export function toggled(paths, path) {
  if (paths.includes(path)) return paths.filter((other) => other !== path);
  return paths.length < MOST_CURVES ? [...paths, path].sort() : paths;
}

/** Returns `{ x, curves }` with x in seconds since the first sample; missing samples become one point without a value. */
export function plotData(data, paths, measure, side) {
  const curves = paths.map((path) => ({ path, values: [] }));
  const from = paths.map((path) => valuesOf(data.images.get(path), measure, side));
  const x = [];
  const add = (time, valueOf) => {
    x.push((time - data.at[0]) / 1000);
    curves.forEach(({ values }, at) => values.push(valueOf(at)));
  };
  const longest = GAP * usualDistance(data.at);
  data.at.forEach((time, index) => {
    const before = data.at[index - 1];
    if (time - before > longest) add((before + time) / 2, () => null);
    add(time, (at) => from[at][index]);
  });
  return { x, curves };
}

function usualDistance(times) {
  const distances = times.slice(1).map((time, index) => time - times[index]).sort((one, other) => one - other);
  return distances[Math.floor(distances.length / 2)] ?? Infinity;
}

// The same as figures.

/** Returns `{ mean, p50, p95, max }` of what was measured; null if nothing was. Mean latencies are weighted by operations. */
export function summaryOf(figures, measure, side) {
  const name = MEASURES[measure].figure(side);
  const isLatency = measure === "latency";
  const counts = figures[`${side}_ops`];
  const isThere = (value, at) => value !== null && (!isLatency || counts[at] > 0);
  const values = figures[name].filter(isThere);
  if (values.length === 0) return figures[name].some((value) => value !== null) ? flat(0) : null;
  const rising = values.toSorted((one, other) => one - other);
  const mean = isLatency ? weighted(figures[name], counts) : sumOf(values) / values.length;
  return { mean, p50: quantile(rising, 0.5), p95: quantile(rising, 0.95), max: rising.at(-1) };
}

function flat(value) {
  return { mean: value, p50: value, p95: value, max: value };
}

function weighted(values, weights) {
  const sum = sumOf(values.map((value, at) => (value ?? 0) * (weights[at] ?? 0)));
  return sum / sumOf(weights);
}

/** Returns the smallest value that is at least as large as this share of the values. */
function quantile(rising, share) {
  return rising[Math.max(0, Math.ceil(share * rising.length) - 1)];
}

/** Returns the sizes of each image and its summary for reads and writes: from the result, or from the samples so far. */
export function summaries({ task, rounds }, data, measure) {
  const sizes = task.result?.images ?? sizesOf(rounds);
  const results = task.result?.series ? task.result.images : {};
  return busiest(data).map((path) => ({
    path,
    size_bytes: sizes[path]?.size_bytes ?? null,
    used_bytes: sizes[path]?.used_bytes ?? null,
    ...Object.fromEntries(["read", "write"].map((side) => [side, summary(results[path], data.images.get(path), measure, side)])),
  }));
}

function summary(result, figures, measure, side) {
  return result === undefined ? summaryOf(figures, measure, side) : (result[MEASURES[measure].figure(side)] ?? null);
}

function sizesOf(rounds) {
  const sized = rounds.flatMap(({ output }) => Object.entries(output?.images ?? {})).filter(([, image]) => "size_bytes" in image);
  return Object.fromEntries(sized);
}

// As CSV.

/** Returns a line for each sample and image (RFC 4180); figures that the cluster did not report are empty. */
export function csvOf(data) {
  const head = ["at", "image", ...FIGURES];
  const lines = data.at.flatMap((time, index) =>
    [...data.images].map(([path, figures]) => [
      new Date(time).toISOString(),
      path,
      ...FIGURES.map((name) => figures[name][index]),
    ]),
  );
  return [head, ...lines].map((line) => `${line.map(csvCell).join(",")}\r\n`).join("");
}

/** Formats a cell. A text that a spreadsheet would take for a formula is prefixed with an apostrophe, which makes it text. */
function csvCell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
