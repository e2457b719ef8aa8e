/**
 * The forms over the views of a cluster: a number of PGs for a pool, a new pool, performance data. As
 * `state.ceph.form`. Pure.
 *
 * All of them: `kind`; `busy` while the server is asked; `error` and `errors` (by field) say what it refused, `refusals`
 * counts how often. `values` are as they were typed. The form "pgs" has its `pool` (null: still to be loaded) and what
 * the server says of the number that is typed: `preflight`, or the `problem` that it sees, for the number `answered`.
 * "performance" has the names of `pools` that may hold images (null: still to be loaded).
 */

import { isWhole, typedNumber } from "./pools.js";

const COMMON = { busy: false, error: "", errors: {}, refusals: 0 };
const NOT_CONSIDERED = { preflight: null, problem: "", answered: null, isAsking: false };
const VALUES = {
  pgs: () => ({ pg_num: "" }),
  create: () => ({ name: "", pg_num: "32", application: "rbd" }),
  performance: () => ({ scope: "all", pool: "", seconds: "60", interval_seconds: "1" }),
};

/** Returns the form that is open over a view: the same one while it is for the same. */
export function formFor(form, view, list) {
  if (view.form === null || list === null) return null;
  const isSame = form !== null && form.kind === view.form && form.fsid === list.query.fsid && form.poolId === view.pool;
  if (!isSame) return opened(view, list);
  return form.kind === "pgs" && form.pool === null ? withFoundPool(form, list) : form;
}

function opened({ form: kind, pool: poolId }, list) {
  const form = { kind, fsid: list.query.fsid, poolId, values: VALUES[kind](), ...COMMON };
  if (kind === "performance") return { ...form, pools: null };
  return kind === "pgs" ? withFoundPool({ ...form, ...NOT_CONSIDERED, pool: null }, list) : form;
}

/** Returns whether something is still to be loaded before it can be filled in. */
export function isLacking({ kind, pool, pools, error }) {
  return error === "" && ((kind === "pgs" && pool === null) || (kind === "performance" && pools === null));
}

function withFoundPool(form, { results }) {
  const pool = results.find(({ id }) => id === form.poolId);
  return pool === undefined ? form : withPool(form, pool);
}

/** Sets the pool, and the number that it has for a person to begin with. */
export function withPool(form, pool) {
  return { ...form, pool, error: "", values: { pg_num: String(pool.pg_num_target) } };
}

/** Adds the pools that may hold images, without those of the cluster's own; the first is as good as any. */
export function withPools(form, pools) {
  const holdsImages = ({ application, applications = [application], internal }) => applications.includes("rbd") && !internal;
  const names = pools.filter(holdsImages).map(({ name }) => name);
  const values = { ...form.values, pool: form.values.pool || (names[0] ?? "") };
  return { ...form, pools: names, values };
}

/** Chooses a part of the images: "selected", "pool" or "all". */
export function scoped(form, scope) {
  return { ...form, values: { ...form.values, scope } };
}

// Typing and sending.

export function valueSet(form, name, value) {
  const { [name]: _, ...errors } = form.errors;
  return { ...form, error: "", errors, values: { ...form.values, [name]: value } };
}

export function began(form) {
  return { ...form, busy: true, error: "", errors: {} };
}

/** Mistakes that the server reports are shown at their fields; those about none of them at the first one. */
export function refused(form, { message, errors = {} }) {
  return { ...form, busy: false, error: message, errors, refusals: form.refusals + 1 };
}

/** Returns what is said at a field; `isFirst`: what is about the whole form as well. */
export function errorsAt({ error, errors }, name, isFirst = false) {
  const own = errors[name] ?? [];
  if (!isFirst) return own;
  const others = Object.entries(errors).filter(([field]) => field !== name && !SHOWN.has(field));
  const general = Object.keys(errors).length === 0 && error !== "" ? [error] : others.flatMap(([, texts]) => texts);
  return [...own, ...general];
}

/** The fields that are on the screen, by the names that the server has for them. */
const SHOWN = new Set([...Object.values(VALUES).flatMap((values) => Object.keys(values())), "images", "pools"]);

// The number of PGs.

/** Returns the number that has to be asked about; null if it was, or if there is none. */
export function toConsider(form) {
  if (form === null || form.kind !== "pgs" || form.pool === null || form.busy) return null;
  const { pg_num: text } = form.values;
  return text !== form.answered && isWhole(text) ? text : null;
}

/** Adds what the server said of a number, unless another one stands there by now. */
export function considered(form, text, preflight) {
  return form.values.pg_num === text ? { ...form, answered: text, preflight, problem: "" } : form;
}

export function notConsidered(form, text, problem) {
  return form.values.pg_num === text ? { ...form, answered: text, preflight: null, problem } : form;
}

/** Asks about the number once more: things change while a person thinks. The former answer stays meanwhile. */
export function askedAgain(form) {
  return form?.kind === "pgs" ? { ...form, answered: null } : form;
}

/** Returns what the server last said of the number that stands there; null while it is asked. */
export function preflightOf({ values, preflight }) {
  return preflight !== null && preflight.to === typedNumber(values.pg_num) ? preflight : null;
}

export function maySet(form) {
  const known = preflightOf(form);
  return !form.busy && known !== null && known.refused === null && known.from !== known.to;
}

// As the server takes them.

export function newPool({ values }) {
  const { name, pg_num: count, application } = values;
  return { name: name.trim(), pg_num: typedNumber(count), application: application.trim() };
}

/** `selected` are the paths of images. */
export function measurement({ values }, selected) {
  const { scope, pool, seconds, interval_seconds: interval } = values;
  const of = { selected: { images: selected }, pool: { pools: [pool] }, all: {} }[scope];
  return { ...of, seconds: decimal(seconds), interval_seconds: decimal(interval) };
}

function decimal(text) {
  const trimmed = text.trim();
  return /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** Returns how many samples that makes; null while the numbers are none. */
export function samplesOf({ values }) {
  const [seconds, interval] = [decimal(values.seconds), decimal(values.interval_seconds)];
  const areNumbers = Number.isFinite(seconds) && Number.isFinite(interval) && interval > 0;
  return areNumbers ? Math.max(1, Math.round(seconds / interval)) : null;
}
