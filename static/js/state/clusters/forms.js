/**
 * The forms over the views of a cluster: a number of PGs for a pool, a new pool, performance data. As
 * `state.ceph.form`. Pure.
 *
 * All forms have a `kind`; `busy` is true while a request is pending; `error` and `errors` (by field) say what the server
 * refused, `refusals` counts how often. `values` are as they were typed. The form "pgs" has its `pool` (null: still to be
 * loaded) and the server's assessment of the typed number: `preflight`, or the `problem` that it reports, for the number
 * `answered`. "performance" has the names of `pools` that may hold images (null: still to be loaded).
 */

import { isWhole, typedNumber } from "./pools.js";

const COMMON = { busy: false, error: "", errors: {}, refusals: 0 };
const NOT_CONSIDERED = { preflight: null, problem: "", answered: null, isAsking: false };
const VALUES = {
  pgs: () => ({ pg_num: "" }),
  create: () => ({ name: "", pg_num: "32", application: "rbd" }),
  performance: () => ({ scope: "all", pool: "", seconds: "60", interval_seconds: "1" }),
};

/** Returns the form that is open over a view: the same one as long as it is of the same kind, for the same pool. */
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

/** Returns whether something has to be loaded before the form can be filled in. */
export function isLacking({ kind, pool, pools, error }) {
  return error === "" && ((kind === "pgs" && pool === null) || (kind === "performance" && pools === null));
}

function withFoundPool(form, { results }) {
  const pool = results.find(({ id }) => id === form.poolId);
  return pool === undefined ? form : withPool(form, pool);
}

/** Sets the pool, and its present number of PGs as the one to start from. */
export function withPool(form, pool) {
  return { ...form, pool, error: "", values: { pg_num: String(pool.pg_num_target) } };
}

/** Adds the pools that may hold images, without the cluster's own; preselects the first. */
export function withPools(form, pools) {
  const holdsImages = ({ application, applications = [application], internal }) => applications.includes("rbd") && !internal;
  const names = pools.filter(holdsImages).map(({ name }) => name);
  const values = { ...form.values, pool: form.values.pool || (names[0] ?? "") };
  return { ...form, pools: names, values };
}

/** Chooses which images to measure: "selected", "pool" or "all". */
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

/** Notes that the server refused the form. Its errors are shown at their fields; those about no field at the first one. */
export function refused(form, { message, errors = {} }) {
  return { ...form, busy: false, error: message, errors, refusals: form.refusals + 1 };
}

/** Returns the errors to show at a field; `isFirst`: also those about the whole form. */
export function errorsAt({ error, errors }, name, isFirst = false) {
  const own = errors[name] ?? [];
  if (!isFirst) return own;
  const others = Object.entries(errors).filter(([field]) => field !== name && !SHOWN.has(field));
  const general = Object.keys(errors).length === 0 && error !== "" ? [error] : others.flatMap(([, texts]) => texts);
  return [...own, ...general];
}

/** The fields on the screen, by their names on the server. */
const SHOWN = new Set([...Object.values(VALUES).flatMap((values) => Object.keys(values())), "images", "pools"]);

// The number of PGs.

/** Returns the number whose impact has to be requested; null if that was done, or if there is no number. */
export function toConsider(form) {
  if (form === null || form.kind !== "pgs" || form.pool === null || form.busy) return null;
  const { pg_num: text } = form.values;
  return text !== form.answered && isWhole(text) ? text : null;
}

/** Adds the server's assessment of a number, unless another one has been typed meanwhile. */
export function considered(form, text, preflight) {
  return form.values.pg_num === text ? { ...form, answered: text, preflight, problem: "" } : form;
}

export function notConsidered(form, text, problem) {
  return form.values.pg_num === text ? { ...form, answered: text, preflight: null, problem } : form;
}

/** Requests the impact again, since the cluster may have changed. Until the answer arrives, the former one stays. */
export function askedAgain(form) {
  return form?.kind === "pgs" ? { ...form, answered: null } : form;
}

/** Returns the server's last assessment of the typed number; null until it arrives. */
export function preflightOf({ values, preflight }) {
  return preflight !== null && preflight.to === typedNumber(values.pg_num) ? preflight : null;
}

export function maySet(form) {
  const known = preflightOf(form);
  return !form.busy && known !== null && known.refused === null && known.from !== known.to;
}

// Requests.

export function newPool({ values }) {
  const { name, pg_num: count, application } = values;
  return { name: name.trim(), pg_num: typedNumber(count), application: application.trim() };
}

/** Returns the body of the request for performance data; `selected` are the paths of images. */
export function measurement({ values }, selected) {
  const { scope, pool, seconds, interval_seconds: interval } = values;
  const of = { selected: { images: selected }, pool: { pools: [pool] }, all: {} }[scope];
  return { ...of, seconds: decimal(seconds), interval_seconds: decimal(interval) };
}

function decimal(text) {
  const trimmed = text.trim();
  return /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** Returns the number of samples; null while what is typed are no numbers. */
export function samplesOf({ values }) {
  const [seconds, interval] = [decimal(values.seconds), decimal(values.interval_seconds)];
  const areNumbers = Number.isFinite(seconds) && Number.isFinite(interval) && interval > 0;
  return areNumbers ? Math.max(1, Math.round(seconds / interval)) : null;
}
