/**
 * Fields whose values can be chosen: what is open, what the server found, and what people see instead of a value. Pure.
 *
 * Of the form of a task (job_form.js): `choosing` is null, or `{ field, search, at, found }`: the name of the field whose
 * choices are open, what is searched, which one is pointed at (-1: none), and what was found: null, or
 * `{ url, results, count, error }`. `known` has by field, and by how a value is written, the name of what was chosen.
 * `typed` has by field what stands in the field of a list and is no item of it yet.
 */

import { number } from "../../text/format.js";
import { itemsOf, paramsFrom, textOfItems, textOfValue, withItem } from "./field_values.js";
import { jobNamed } from "./job_form.js";
import { fieldsOf } from "./schema_fields.js";

const MOST_SHOWN = 50;
const LONGEST_SEARCH = 200;
/** A longer list is written as text, one a line. */
const MOST_ITEMS = 200;
const CHOOSABLE = ["text", "integer", "number", "name", "list"];

/** Returns whether a field has choices that can be shown as such. */
export function isChoosable(field, start) {
  if (field.offers === null || !CHOOSABLE.includes(field.kind)) return false;
  if (field.kind !== "list") return !start.multiline.includes(field.name);
  return itemsOf(field, textIn(start, field)).length <= MOST_ITEMS;
}

function textIn({ values }, { name }) {
  return values[name] ?? "";
}

// Opening and searching.

export function choicesOpened(start, field, search = "") {
  const isOpen = start.choosing?.field === field.name;
  const found = isOpen ? start.choosing.found : null;
  return { ...start, choosing: { field: field.name, search, at: -1, found } };
}

export function choicesClosed(start) {
  return start.choosing === null ? start : { ...start, choosing: null };
}

/** Searches what a person has typed, which is the value, or will be an item. */
export function choiceTyped(start, field, text) {
  const changed = field.kind === "list"
    ? { ...start, typed: { ...start.typed, [field.name]: text } }
    : { ...start, values: { ...start.values, [field.name]: text } };
  return choicesOpened(changed, field, text);
}

/** Points at another choice, round and round. */
export function choiceMoved(start, step) {
  const { choosing } = start;
  const count = choosing?.found?.results.length ?? 0;
  if (count === 0) return start;
  const from = choosing.at < 0 && step < 0 ? 0 : choosing.at;
  return { ...start, choosing: { ...choosing, at: (from + step + count) % count } };
}

/** Returns the parameters that have to be filled in before anything can be chosen. */
function lackingFor(start, fields, field) {
  const needed = fields.filter(({ name }) => field.offers.needs.includes(name));
  return needed.filter((one) => one.isRequired && textIn(start, one) === "");
}

/** Returns the address to ask for the open choices; null if there is nothing to ask. */
export function choicesWanted(start, jobs) {
  const job = start === null || start.choosing === null ? null : jobNamed(jobs, start.job);
  if (job === null) return null;
  const fields = fieldsOf(job.parameters);
  const field = fields.find(({ name }) => name === start.choosing.field);
  if (field === undefined || lackingFor(start, fields, field).length > 0) return null;
  const query = new URLSearchParams({ pageSize: MOST_SHOWN });
  const search = start.choosing.search.trim().slice(0, LONGEST_SEARCH);
  if (search !== "") query.append("search", search);
  const { params } = paramsFrom(fields, start.values);
  for (const name of field.offers.needs) for (const value of [params[name] ?? []].flat()) query.append(name, value);
  return `${field.offers.url}&${query}`;
}

/** Adds what the server found, or why it could not; ignored if it is no longer asked for. What is pointed at stays. */
export function choicesFound(start, jobs, url, { results = [], count = 0 }, error = "") {
  if (start === null || choicesWanted(start, jobs) !== url) return start;
  const field = fieldsOf(jobNamed(jobs, start.job).parameters).find(({ name }) => name === start.choosing.field);
  const pointedAt = start.choosing.found?.results[start.choosing.at];
  const at = results.findIndex(({ value }) => value === pointedAt?.value);
  const next = { ...start, choosing: { ...start.choosing, at, found: { url, results, count, error } } };
  const taken = results.filter((choice) => isChosen(start, field, choice));
  return taken.reduce((known, choice) => withKnown(known, field, choice), next);
}

function withKnown(start, field, { value, name }) {
  const names = { ...start.known[field.name], [writtenIn(field, value)]: name };
  return { ...start, known: { ...start.known, [field.name]: names } };
}

/** Returns a value, or an item of a list, as it is written in this field. */
function writtenIn({ kind, items }, value) {
  return textOfValue({ kind: items?.kind ?? kind }, value);
}

// Choosing.

/** Sets the value to a choice, or adds it to the list, or removes it if it was chosen before. */
export function choiceMade(start, field, choice) {
  const next = withKnown(start, field, choice);
  if (field.kind !== "list") {
    return choicesClosed({ ...next, values: { ...next.values, [field.name]: writtenIn(field, choice.value) } });
  }
  const items = itemsOf(field, textIn(start, field));
  const others = items.filter((item) => item !== choice.value);
  const changed = others.length < items.length ? others : [...items, choice.value];
  return choicesOpened(withItems({ ...next, typed: { ...next.typed, [field.name]: "" } }, field, changed), field);
}

function withItems(start, field, items) {
  return { ...start, values: { ...start.values, [field.name]: textOfItems(field, items) } };
}

/** Adds what was typed as an item; if it is the name of a choice that was found, that choice. */
export function typedAdded(start, field) {
  const text = start.typed[field.name] ?? "";
  if (text.trim() === "") return start;
  const choice = choiceNamed(start, field, text);
  if (choice !== undefined && !isChosen(start, field, choice)) return choiceMade(start, field, choice);
  const added = choice === undefined ? { ...start.values, [field.name]: withItem(field, textIn(start, field), text) } : start.values;
  return choicesOpened({ ...start, values: added, typed: { ...start.typed, [field.name]: "" } }, field);
}

/** Adds lines that were pasted, each as an item. */
export function linesAdded(start, field, lines) {
  const text = lines.filter((line) => line.trim() !== "").reduce((list, line) => withItem(field, list, line), textIn(start, field));
  return { ...start, values: { ...start.values, [field.name]: text } };
}

export function itemRemoved(start, field, index) {
  const items = itemsOf(field, textIn(start, field));
  return withItems(start, field, items.toSpliced(index, 1));
}

/** Closes the choices when the field is left: a choice whose whole name was typed is made. */
export function choicesLeft(start, field) {
  if (start.choosing?.field !== field.name) return start;
  const choice = field.kind === "list" ? undefined : choiceNamed(start, field, textIn(start, field));
  return choicesClosed(choice === undefined ? start : choiceMade(start, field, choice));
}

/** Returns the one choice that was found and has this name; a text that is itself a value stays one. */
function choiceNamed({ choosing }, field, text) {
  const results = choosing?.field === field.name ? (choosing.found?.results ?? []) : [];
  const itself = results.find(({ value }) => writtenIn(field, value) === text);
  if (itself !== undefined) return itself;
  const named = results.filter(({ name }) => name === text.trim());
  return named.length === 1 ? named[0] : undefined;
}

// What people see.

/** Returns the name of what was chosen, or the text that was typed. */
export function shownChoice(start, field) {
  if (field.kind === "list") return start.typed[field.name] ?? "";
  const text = textIn(start, field);
  return inOneLine(nameOf(start, field, text));
}

/** Returns the value, if people see another name for it; else "". */
export function sentChoice(start, field) {
  const text = textIn(start, field);
  return field.kind === "list" || nameOf(start, field, text) === text ? "" : text;
}

/** Returns the items of a list, by the names that are known of them. */
export function shownItems(start, field) {
  return itemsOf(field, textIn(start, field)).map((item) => nameOf(start, field, writtenIn(field, item)));
}

function nameOf({ known }, { name }, text) {
  const own = known[name] ?? {};
  return Object.hasOwn(own, text) ? own[text] : text;
}

/** Returns the text as an <input> has it. */
function inOneLine(text) {
  return text.replace(/[\r\n]+/g, " ");
}

export function isChosen(start, field, { value }) {
  const text = textIn(start, field);
  return field.kind === "list" ? itemsOf(field, text).includes(value) : text === writtenIn(field, value);
}

/** Returns the sentence about the choices that are open. */
export function choicesText(start, jobs, fields, field) {
  const lacking = lackingFor(start, fields, field);
  if (lacking.length > 0) return `First choose: ${lacking.map(({ label }) => label).join(", ")}.`;
  const { found, search } = start.choosing;
  if (found === null || found.url !== choicesWanted(start, jobs)) return "Looking…";
  if (found.error) return `${found.error} What you type is taken as it is.`;
  if (found.count === 0) return search.trim() === "" ? "There is nothing to choose from." : "Nothing matches. What you type is taken as it is.";
  if (found.count > found.results.length) return `The first ${number(found.results.length)} of ${number(found.count)}: type to find others.`;
  return found.count === 1 ? "1 to choose from." : `${number(found.count)} to choose from.`;
}
