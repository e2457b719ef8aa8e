/**
 * Fields whose values can be chosen: which is open, what the server found, and the names shown instead of values. Pure.
 *
 * In the form of a task (job_form.js), `choosing` is null, or `{ field, search, at, found }`: the name of the field whose
 * choices are open, the search, the index of the highlighted choice (-1: none), and what was found: null, or
 * `{ url, results, count, error }`. `known` holds the names of chosen values, by field and by the value as it is written.
 * `typed` holds, by field, what is typed in the field of a list and is not yet one of its items.
 */

import { number } from "../../text/format.js";
import { itemsOf, paramsFrom, textOfItems, textOfValue, withItem } from "./field_values.js";
import { jobNamed } from "./job_form.js";
import { fieldsOf } from "./schema_fields.js";

const MOST_SHOWN = 50;
const LONGEST_SEARCH = 200;
/** A longer list is edited as text, one item per line. */
const MOST_ITEMS = 200;
const CHOOSABLE = ["text", "integer", "number", "name", "list"];

/** Returns whether a field has choices and can show them. */
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

/** Searches for what was typed, which is the value or, in a list, will be an item. */
export function choiceTyped(start, field, text) {
  const changed = field.kind === "list"
    ? { ...start, typed: { ...start.typed, [field.name]: text } }
    : { ...start, values: { ...start.values, [field.name]: text } };
  return choicesOpened(changed, field, text);
}

/** Highlights another choice; after the last one comes the first. */
export function choiceMoved(start, step) {
  const { choosing } = start;
  const count = choosing?.found?.results.length ?? 0;
  if (count === 0) return start;
  const from = choosing.at < 0 && step < 0 ? 0 : choosing.at;
  return { ...start, choosing: { ...choosing, at: (from + step + count) % count } };
}

/** Returns the fields that have to be filled in before anything can be chosen. */
function lackingFor(start, fields, field) {
  const needed = fields.filter(({ name }) => field.offers.needs.includes(name));
  return needed.filter((one) => one.isRequired && textIn(start, one) === "");
}

/** Returns the address of the open choices; null if there is nothing to request. */
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

/** Adds what the server found, or its error; ignored if it is no longer wanted. The highlighted choice stays highlighted. */
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

/** Sets the value to a choice; in a list, adds the choice, or removes it if it was chosen before. */
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

/** Adds what was typed as an item; if it is the name of a choice that was found, adds that choice. */
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

/** Closes the choices when the field is left. If the whole name of a choice was typed, it is chosen. */
export function choicesLeft(start, field) {
  if (start.choosing?.field !== field.name) return start;
  const choice = field.kind === "list" ? undefined : choiceNamed(start, field, textIn(start, field));
  return choicesClosed(choice === undefined ? start : choiceMade(start, field, choice));
}

/** Returns the only choice that was found with this name; but a text that is itself a value stands for that value. */
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

/** Returns the value if another name is shown for it; else "". */
export function sentChoice(start, field) {
  const text = textIn(start, field);
  return field.kind === "list" || nameOf(start, field, text) === text ? "" : text;
}

/** Returns the items of a list, by their names if these are known. */
export function shownItems(start, field) {
  return itemsOf(field, textIn(start, field)).map((item) => nameOf(start, field, writtenIn(field, item)));
}

function nameOf({ known }, { name }, text) {
  const own = known[name] ?? {};
  return Object.hasOwn(own, text) ? own[text] : text;
}

/** Returns the text without line breaks, as in an <input>. */
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
  if (found === null || found.url !== choicesWanted(start, jobs)) return "Searching…";
  if (found.error) return `${found.error} What you type is used as it is.`;
  if (found.count === 0) return search.trim() === "" ? "There is nothing to choose from." : "Nothing matches. What you type is used as it is.";
  if (found.count > found.results.length) return `The first ${number(found.results.length)} of ${number(found.count)}: type to find others.`;
  return found.count === 1 ? "1 to choose from." : `${number(found.count)} to choose from.`;
}
