/**
 * The form that starts a task, and the request that it sends. Pure.
 *
 * Its fields are made from the job's JSON Schema (schema_fields.js), their values by field_values.js.
 */

import { timeTyped } from "../../text/local_time.js";
import { numberFrom, paramsFrom, valuesFor, withItem } from "./field_values.js";
import { fieldsOf } from "./schema_fields.js";

/** The earliest start while only a part of it has been typed: the server refuses it in its own words. */
export const INCOMPLETE = "incomplete";

const NOTHING_CHOSEN = Object.freeze({ choosing: null, known: {}, typed: {} });

/**
 * Returns a newly opened form; `jobs` is null while they are not known, `task` the one to run again. `given` are
 * that task's parameters, `multiline` the names of texts with line breaks, which an <input> would lose. `choosing`,
 * `known` and `typed` are for fields with choices (choosing.js).
 */
export function startOpened(jobs, job = "", task = null) {
  const form = {
    job: task?.job ?? job ?? "",
    values: {},
    multiline: [],
    priority: task?.priority ? String(task.priority) : "",
    notBefore: "",
    isSecondStart: false,
    errors: {},
    error: "",
    busy: false,
    refusals: 0,
    from: task?.id ?? null,
    given: task?.params ?? null,
    ...NOTHING_CHOSEN,
  };
  return jobs === null ? form : jobsKnown(form, jobs);
}

/** Fills the form once the jobs have been loaded. What has been typed stays. */
export function jobsKnown(start, jobs) {
  const available = jobs.filter((job) => job.available);
  const name = start.job === "" && available.length === 1 ? available[0].job : start.job;
  const job = jobNamed(jobs, name);
  const fields = job === null ? [] : fieldsOf(job.parameters);
  const filled = valuesFor(fields, start.given);
  const multiline = Object.keys(filled).filter((field) => /[\r\n]/.test(filled[field]));
  return { ...start, job: name, values: { ...filled, ...start.values }, multiline, error: "" };
}

/** Starts the form over for another job. Only the priority and the earliest start stay. */
export function jobChosen(start, jobs, job) {
  return jobsKnown({ ...start, ...NOTHING_CHOSEN, job, values: {}, errors: {}, error: "", from: null, given: null }, jobs);
}

export function valueSet(start, name, value) {
  return { ...start, values: { ...start.values, [name]: value } };
}

/** `name` is "priority", "notBefore", or "isSecondStart": the second of a time that occurs twice is meant. */
export function optionSet(start, name, value) {
  const isOtherTime = name === "notBefore" && value !== start.notBefore;
  return { ...start, ...(isOtherTime ? { isSecondStart: false } : {}), [name]: value };
}

/** Notes that the form was sent. The errors of the last attempt stay until there is an answer, so that nothing moves
 * meanwhile. */
export function startBegan(start) {
  return { ...start, busy: true };
}

/** Notes that the form was refused. `refusals` is counted so that the first wrong field gets the focus each time. */
export function startRefused(start, { message, errors }) {
  return { ...start, busy: false, error: message ?? "", errors: errors ?? {}, refusals: start.refusals + 1 };
}

export function jobNamed(jobs, name) {
  return jobs?.find((job) => job.job === name) ?? null;
}

export function canStart(start, jobs) {
  return !start.busy && Boolean(jobNamed(jobs, start.job)?.available);
}

/** Returns the errors of fields that cannot be sent at all, those with invalid JSON. */
export function unreadable(job, form) {
  return paramsFrom(fieldsOf(job.parameters), form.values).errors;
}

/** Returns the body of `POST taskqueue`; the earliest start was typed in `zone`, "local" or "utc". */
export function submission(job, form, zone) {
  const fields = fieldsOf(job.parameters);
  const { params } = paramsFrom(fields, valuesWithTyped(fields, form));
  const body = { job: job.job, params };
  if (form.priority.trim() !== "") body.priority = numberFrom("integer", form.priority);
  if (form.notBefore !== "") body.not_before = utc(form, zone);
  return body;
}

/** Adds to each list what is typed in its field and is not an item yet. */
function valuesWithTyped(fields, { values, typed = {} }) {
  const lists = fields.filter(({ kind, name }) => kind === "list" && (typed[name] ?? "").trim() !== "");
  const added = lists.map((field) => [field.name, withItem(field, values[field.name] ?? "", typed[field.name])]);
  return { ...values, ...Object.fromEntries(added) };
}

/** Returns the earliest start, typed like `2025-11-24T12:00`, as the server expects it. */
function utc({ notBefore, isSecondStart }, zone) {
  const { at } = timeTyped(notBefore, zone, isSecondStart);
  return at === null ? notBefore : new Date(at).toISOString();
}

/**
 * Returns the server's messages by their place: those about fields by name, those about the job, the priority and the earliest
 * start, and in `general` all that have no place in the form. `steps[1].params.times` belongs to `steps`.
 */
export function placed(fields, errors) {
  const places = { fields: new Map(), job: [], priority: [], not_before: [], general: [] };
  for (const [key, texts] of Object.entries(errors)) {
    for (const [list, described] of listsFor(places, fields, key)) list.push(...texts.map(described));
  }
  return places;
}

/** Returns the lists that a message belongs to: two if a parameter has the name of an option, since the key is the same. */
function listsFor(places, fields, key) {
  const withKey = (text) => `${key}: ${text}`;
  const asItIs = (text) => text;
  const lists = [];
  const name = ownerOf(fields, key);
  if (name !== undefined) lists.push([listOf(places.fields, name), name === key ? asItIs : withKey]);
  if (["job", "priority", "not_before"].includes(key)) lists.push([places[key], asItIs]);
  return lists.length > 0 ? lists : [[places.general, withKey]];
}

/** Returns the longest field name that the key begins with. */
function ownerOf(fields, key) {
  const names = fields.map((field) => field.name);
  const owners = names.filter((name) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`));
  return owners.sort((one, other) => other.length - one.length)[0];
}

function listOf(lists, name) {
  if (!lists.has(name)) lists.set(name, []);
  return lists.get(name);
}
