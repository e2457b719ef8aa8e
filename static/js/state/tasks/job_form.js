/**
 * The form that starts a task: fields made from a job's JSON Schema, and what people typed made into a request.
 *
 * What a value has to be is decided by the server alone: "abc" in a field for a number is sent as the text "abc", and
 * the server says what is wrong with it in the words that REST uses. Pure.
 */

import { timeTyped } from "../../text/local_time.js";

const LONGEST_SHOWN = 60;
const LONGEST_LINE = 72;
const SCALARS = ["integer", "number", "text", "boolean", "choice"];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const ANYTHING_ELSE = "a valid";

/** What the earliest start is while a person has typed only a part of it: the server refuses it in its own words. */
export const INCOMPLETE = "incomplete";

// Fields, from a schema.

/**
 * What the job asks for, in its own order. `hint` says what is expected in the words of the server, `offers` where values
 * can be chosen from (choosing.js).
 */
export function fieldsOf(schema) {
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).map(([name, own]) => ({
    name,
    label: own.title ?? labelOf(name),
    description: own.description ?? "",
    isRequired: required.includes(name),
    hasDefault: "default" in own,
    default: own.default ?? null,
    offers: own["x-choices"] ?? null,
    ...shapeOf(own, schema.$defs ?? {}),
  }));
}

/** `round_seconds` is `Round seconds`. */
function labelOf(name) {
  const words = name.replaceAll("_", " ").trim() || name;
  return words[0].toUpperCase() + words.slice(1);
}

function shapeOf(own, definitions) {
  const { schema, isNullable } = withoutNull(own);
  const plain = resolved(schema, definitions);
  const kind = kindOf(plain, definitions, isNullable);
  return {
    kind,
    isNullable,
    hint: own["x-words"] ?? wordsOf(schema, definitions),
    words: own["x-words"] ?? plain["x-words"] ?? "",
    choices: kind === "choice" ? choicesOf(plain) : [],
    items: kind === "list" ? itemOf(plain.items, definitions) : null,
    example: kind === "json" ? jsonText(exampleOf(schema, definitions)) : "",
    mayBeNegative: !(plain.minimum >= 0 || plain.exclusiveMinimum >= 0),
  };
}

function withoutNull(schema) {
  if (schema.enum?.includes(null)) {
    return { schema: { ...schema, enum: schema.enum.filter((value) => value !== null) }, isNullable: true };
  }
  const members = schema.anyOf?.filter((member) => member.type !== "null");
  if (members === undefined || members.length === schema.anyOf.length) return { schema, isNullable: false };
  return { schema: members.length === 1 ? members[0] : { anyOf: members }, isNullable: true };
}

function resolved(schema, definitions) {
  return schema.$ref === undefined ? schema : (definitions[nameOf(schema)] ?? {});
}

function nameOf({ $ref }) {
  return $ref.slice($ref.lastIndexOf("/") + 1);
}

function kindOf(schema, definitions, isNullable = false) {
  if (schema.enum !== undefined || schema.const !== undefined) return "choice";
  if (schema.type === "boolean") return isNullable ? "choice" : "boolean";
  if (schema.type === "string") return "text";
  if (schema.type === "array") return isPlainList(schema, definitions) ? "list" : "json";
  if (isNameOrNumber(schema)) return "name";
  return SCALARS.includes(schema.type) ? schema.type : "json";
}

/** A name or the number of the same thing, like a pool's: digits are the number, unless they stand in quotes. */
function isNameOrNumber({ anyOf = [] }) {
  return ["string", "integer"].every((type) => anyOf.some((member) => member.type === type)) && anyOf.length === 2;
}

function isPlainList({ items, prefixItems }, definitions) {
  if (!items || prefixItems !== undefined) return false;
  return SCALARS.includes(kindOf(resolved(items, definitions), definitions));
}

function itemOf(items, definitions) {
  const plain = resolved(items, definitions);
  return { kind: kindOf(plain, definitions), choices: choicesOf(plain), words: plain["x-words"] ?? "" };
}

function choicesOf(schema) {
  if (schema.type === "boolean") return [true, false];
  return schema.enum ?? ("const" in schema ? [schema.const] : []);
}

// Words, the same as those of jobs/params.py as far as a schema has them.

const OF_FORMAT = {
  "date-time": "datetime",
  date: "date",
  time: "time",
  duration: "timedelta",
  uuid: "uuid",
  decimal: "decimal",
};

function wordsOf(schema, definitions) {
  if (schema["x-words"] !== undefined) return schema["x-words"];
  if (schema.$ref !== undefined) return wordsOfReference(schema, definitions);
  if (schema.enum !== undefined || schema.const !== undefined) return `one of ${choicesOf(schema).join(", ")}`;
  if (schema.anyOf !== undefined) return schema.anyOf.map((member) => wordsOf(member, definitions)).join(" or ");
  switch (schema.type) {
    case "integer":
      return `a whole number${rangeWords(schema)}`;
    case "number":
      return `a number${rangeWords(schema)}`;
    case "string":
      return textWords(schema);
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "array":
      return listWords(schema, definitions);
    case "object":
      return objectWords(schema, definitions);
    default:
      return "anything";
  }
}

function wordsOfReference(schema, definitions) {
  const target = resolved(schema, definitions);
  const isNamed = target.anyOf !== undefined || target.type === "object";
  return isNamed ? `${ANYTHING_ELSE} ${target.title ?? nameOf(schema)}` : wordsOf(target, definitions);
}

function rangeWords(schema) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const step = multipleOf === undefined ? "" : ` divisible by ${multipleOf}`;
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}${step}`;
  const bounds = [
    ["at least", minimum],
    ["more than", exclusiveMinimum],
    ["at most", maximum],
    ["less than", exclusiveMaximum],
  ];
  const words = bounds.flatMap(([side, bound]) => (bound === undefined ? [] : [`of ${side} ${bound}`]));
  return (words.length > 0 ? ` ${words.join(" and ")}` : "") + step;
}

function textWords({ format, minLength, maxLength, pattern }) {
  if (format in OF_FORMAT) return `${ANYTHING_ELSE} ${OF_FORMAT[format]}`;
  return `text${lengthWords(minLength, maxLength, "character")}${pattern ? ` that matches ${pattern}` : ""}`;
}

function lengthWords(low, high, unit) {
  if (low !== undefined && high !== undefined) return ` of ${low === high ? "" : `${low} to `}${counted(high, unit)}`;
  if (low !== undefined) return ` of at least ${counted(low, unit)}`;
  return high === undefined ? "" : ` of at most ${counted(high, unit)}`;
}

function counted(count, unit) {
  return count === 1 ? `1 ${unit}` : `${count} ${unit}s`;
}

function listWords({ items, prefixItems, minItems, maxItems }, definitions) {
  if (prefixItems !== undefined) return `a list of ${prefixItems.map((item) => wordsOf(item, definitions)).join(", ")}`;
  return `a list${lengthWords(minItems, maxItems, "item")}${eachWords("item", items, definitions)}`;
}

function objectWords({ title, additionalProperties }, definitions) {
  return title ? `${ANYTHING_ELSE} ${title}` : `an object${eachWords("value", additionalProperties, definitions)}`;
}

function eachWords(unit, schema, definitions) {
  const words = typeof schema === "object" ? wordsOf(schema, definitions) : "anything";
  return words === "anything" ? "" : `, each ${unit} ${words}`;
}

/** What follows from leaving the field empty, where that is neither a mistake nor what one would think. */
export function emptyText(field) {
  if (field.isNullable && field.isRequired) return "may be empty";
  if (field.isRequired || field.default === null) return "";
  if (field.isNullable) return "empty means none";
  return ["integer", "number", "json"].includes(field.kind) ? `empty means ${cut(spaced(field.default))}` : "";
}

function cut(text) {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN - 1)}…`;
}

// An example for what is typed as JSON.

/** A small value of the right form; undefined where each one would hold another one of its own kind without end. */
function exampleOf(schema, definitions, entered = []) {
  if (schema.$ref !== undefined) {
    if (entered.includes(schema.$ref)) return undefined;
    return exampleOf(resolved(schema, definitions), definitions, [...entered, schema.$ref]);
  }
  const inner = (part) => exampleOf(part, definitions, entered);
  if (schema.anyOf !== undefined) return bestOf(schema.anyOf.map(inner));
  if (schema.type === "array") return listExample(schema, inner);
  if (schema.type === "object") return objectExample(schema, inner);
  return scalarExample(schema);
}

/** The first that shows most of its form. */
function bestOf(examples) {
  const parts = (example) => (typeof example === "object" ? Object.keys(example).length : 1);
  return examples.filter((example) => example !== undefined).sort((one, other) => parts(other) - parts(one))[0];
}

function listExample({ items, prefixItems }, inner) {
  const found = prefixItems !== undefined ? prefixItems.map(inner) : items ? [inner(items)] : [];
  return found.includes(undefined) ? undefined : found;
}

function objectExample({ properties = {}, required = [], additionalProperties }, inner) {
  if (typeof additionalProperties === "object") return { name: inner(additionalProperties) };
  const found = required.map((name) => [name, inner(properties[name] ?? {})]);
  return found.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(found);
}

function scalarExample(schema) {
  const [choice] = choicesOf(schema);
  if (choice !== undefined) return choice;
  if (schema.type === "string") return "text";
  return schema.minimum ?? (schema.multipleOf || 1);
}

/** In one line where it is short. */
function jsonText(value) {
  if (value === undefined) return "";
  const line = spaced(value);
  return line.length <= LONGEST_LINE ? line : JSON.stringify(value, null, 2);
}

/** JSON in one line, as people write it: with a space after each comma and colon. */
function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${spaced(inner)}`).join(", ")}}`;
}

// What is in the fields.

/** What fills the form: the parameters of a task where there is one, else the defaults. */
export function valuesFor(fields, params = null) {
  return Object.fromEntries(fields.map((field) => [field.name, shownValue(field, params ?? {})]));
}

function shownValue(field, params) {
  const isGiven = Object.hasOwn(params, field.name);
  if (!isGiven && !field.hasDefault) return field.kind === "boolean" ? false : "";
  const value = isGiven ? params[field.name] : field.default;
  if (field.kind === "boolean") return value === true;
  if (value === null) return field.kind === "json" && !field.isNullable ? "null" : "";
  if (field.kind === "json") return jsonText(value);
  return field.kind === "list" ? listText(field, value) : textOfValue(field, value);
}

/** How a value is written that is no list. */
export function textOfValue({ kind }, value) {
  return kind === "name" ? nameText(value) : scalarText(value);
}

/** In quotes where it would be read as something else. */
function nameText(value) {
  return typeof value === "string" && nameFrom(value) !== value ? JSON.stringify(value) : scalarText(value);
}

function nameFrom(text) {
  if (/^\s*\d+\s*$/.test(text)) return numberFrom("integer", text);
  const quoted = text.startsWith('"') ? jsonFrom(text).value : undefined;
  return typeof quoted === "string" ? quoted : text;
}

function scalarText(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** One a line; as JSON where lines would not give the same list again, as with line breaks in an item. */
function listText(field, value) {
  if (!Array.isArray(value)) return scalarText(value);
  const lines = value.map(scalarText).join("\n");
  return JSON.stringify(listFrom(field, lines)) === JSON.stringify(value) ? lines : JSON.stringify(value);
}

/** The items of a list that is written so. */
export function itemsOf(field, text) {
  return isEmpty(field, text) ? [] : listFrom(field, text);
}

/** How a list with these items is written. */
export function textOfItems(field, items) {
  return listText(field, items);
}

/** What people typed, as JSON. `errors`, by name, are for what cannot be sent at all. */
export function paramsFrom(fields, values) {
  const all = fields.map((field) => [field.name, read(field, values[field.name])]);
  return {
    params: Object.fromEntries(all.flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]]))),
    errors: Object.fromEntries(all.flatMap(([name, { error }]) => (error === undefined ? [] : [[name, [error]]]))),
  };
}

function read(field, typed) {
  if (field.kind === "boolean") return { value: typed === true };
  const text = typed ?? "";
  if (isEmpty(field, text)) return { value: emptyValue(field) };
  if (field.kind === "json") return jsonFrom(text);
  return { value: field.kind === "list" ? listFrom(field, text) : scalarFrom(field, text) };
}

function isEmpty(field, text) {
  return (["text", "name"].includes(field.kind) ? text : text.trim()) === "";
}

/** Left out (undefined) only where that means the same, or where the field can show nothing that means it. */
function emptyValue(field) {
  if (field.isNullable) return field.hasDefault && field.default === null ? undefined : null;
  if (["text", "name"].includes(field.kind)) return field.isRequired || field.default !== "" ? "" : undefined;
  if (field.kind === "list") return field.isRequired || field.default?.length !== 0 ? [] : undefined;
  return undefined;
}

function scalarFrom({ kind, choices }, text) {
  if (kind === "integer" || kind === "number") return numberFrom(kind, text);
  if (kind === "text") return text;
  if (kind === "name") return nameFrom(text);
  return choices.find((choice) => String(choice) === text.trim()) ?? text;
}

/** As text where it is no number, or where JavaScript's numbers would change it: whole ones beyond 2 ** 53. */
function numberFrom(kind, text) {
  const value = NUMBER.test(text.trim()) ? Number(text) : NaN;
  const isChanged = kind === "integer" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return Number.isFinite(value) && !isChanged ? value : text;
}

/** A line is an item; empty ones are none. What is a list in JSON as a whole is that list. */
function listFrom({ items }, text) {
  const written = text.trim().startsWith("[") ? jsonFrom(text).value : undefined;
  if (Array.isArray(written)) return written;
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => scalarFrom(items, line));
}

function jsonFrom(text) {
  try {
    JSON.parse(text); // where it raises, it tells of what was typed
    return { value: JSON.parse(exact(text)) };
  } catch (error) {
    return { error: `expected JSON, got ${cut(text.trim().replace(/\s+/g, " "))}: ${reason(error)}` };
  }
}

/** JSON with its whole numbers beyond 2 ** 53 as text. */
function exact(json) {
  const isChanged = (token) => /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
  return json.replace(TOKEN, (token) => (isChanged(token) ? `"${token}"` : token));
}

/** The browser's own words, which begin in many ways. */
function reason(error) {
  const words = error.message.replace(/^JSON\.parse: /, "").replace(/\s+/g, " ");
  return words.slice(0, 1).toLowerCase() + words.slice(1);
}

// The form, as the page keeps it, and the request that it makes.

const NOTHING_CHOSEN = Object.freeze({ choosing: null, known: {}, typed: {} });

/**
 * A form that has just been opened; `jobs` is null while they are not known, `task` the one to run again. `given` are
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

/** The jobs have been loaded after the form was opened. What has been typed stays. */
export function jobsKnown(start, jobs) {
  const available = jobs.filter((job) => job.available);
  const name = start.job === "" && available.length === 1 ? available[0].job : start.job;
  const job = jobNamed(jobs, name);
  const fields = job === null ? [] : fieldsOf(job.parameters);
  const filled = valuesFor(fields, start.given);
  const multiline = Object.keys(filled).filter((field) => /[\r\n]/.test(filled[field]));
  return { ...start, job: name, values: { ...filled, ...start.values }, multiline, error: "" };
}

/** Another job than before: nothing of the form stays but when and how soon. */
export function jobChosen(start, jobs, job) {
  return jobsKnown({ ...start, ...NOTHING_CHOSEN, job, values: {}, errors: {}, error: "", from: null, given: null }, jobs);
}

export function valueSet(start, name, value) {
  return { ...start, values: { ...start.values, [name]: value } };
}

/** `name` is "priority", "notBefore", or "isSecondStart": of a time that comes twice, the second is meant. */
export function optionSet(start, name, value) {
  const isOtherTime = name === "notBefore" && value !== start.notBefore;
  return { ...start, ...(isOtherTime ? { isSecondStart: false } : {}), [name]: value };
}

/** The mistakes of the last attempt stay in sight until there is an answer: nothing moves meanwhile. */
export function startBegan(start) {
  return { ...start, busy: true };
}

/** `refusals` counts, so that the first wrong field gets the focus each time. */
export function startRefused(start, { message, errors }) {
  return { ...start, busy: false, error: message ?? "", errors: errors ?? {}, refusals: start.refusals + 1 };
}

export function jobNamed(jobs, name) {
  return jobs?.find((job) => job.job === name) ?? null;
}

export function canStart(start, jobs) {
  return !start.busy && Boolean(jobNamed(jobs, start.job)?.available);
}

/** What cannot be sent at all, by field: JSON that is none. */
export function unreadable(job, form) {
  return paramsFrom(fieldsOf(job.parameters), form.values).errors;
}

/** The body of `POST taskqueue`; the earliest start was typed in `zone`, "local" or "utc". */
export function submission(job, form, zone) {
  const fields = fieldsOf(job.parameters);
  const { params } = paramsFrom(fields, valuesWithTyped(fields, form));
  const body = { job: job.job, params };
  if (form.priority.trim() !== "") body.priority = numberFrom("integer", form.priority);
  if (form.notBefore !== "") body.not_before = utc(form, zone);
  return body;
}

/** What stands in the field of a list, and has not become an item yet, is one. */
function valuesWithTyped(fields, { values, typed = {} }) {
  const lists = fields.filter(({ kind, name }) => kind === "list" && (typed[name] ?? "").trim() !== "");
  const added = lists.map((field) => [field.name, withItem(field, values[field.name] ?? "", typed[field.name])]);
  return { ...values, ...Object.fromEntries(added) };
}

/** The list with what was typed as its last item. */
export function withItem(field, text, typed) {
  return textOfItems(field, [...itemsOf(field, text), scalarFrom(field.items, typed)]);
}

/** `2025-11-24T12:00` as the server wants it. */
function utc({ notBefore, isSecondStart }, zone) {
  const { at } = timeTyped(notBefore, zone, isSecondStart);
  return at === null ? notBefore : new Date(at).toISOString();
}

/**
 * Each message of the server at its place: those of fields by name, those for the job, the priority and the earliest
 * start, and in `general` all that has no place in the form. `steps[1].params.times` belongs to `steps`.
 */
export function placed(fields, errors) {
  const places = { fields: new Map(), job: [], priority: [], not_before: [], general: [] };
  for (const [key, texts] of Object.entries(errors)) {
    for (const [list, told] of listsFor(places, fields, key)) list.push(...texts.map(told));
  }
  return places;
}

/** The lists that bear a message. Two where a parameter has the name of an option: the server tells both alike. */
function listsFor(places, fields, key) {
  const withKey = (text) => `${key}: ${text}`;
  const asItIs = (text) => text;
  const lists = [];
  const name = ownerOf(fields, key);
  if (name !== undefined) lists.push([listOf(places.fields, name), name === key ? asItIs : withKey]);
  if (["job", "priority", "not_before"].includes(key)) lists.push([places[key], asItIs]);
  return lists.length > 0 ? lists : [[places.general, withKey]];
}

/** The longest name with which the place begins. */
function ownerOf(fields, key) {
  const names = fields.map((field) => field.name);
  const owners = names.filter((name) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`));
  return owners.sort((one, other) => other.length - one.length)[0];
}

function listOf(lists, name) {
  if (!lists.has(name)) lists.set(name, []);
  return lists.get(name);
}
