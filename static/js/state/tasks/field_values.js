/**
 * Converts the values of a form's fields to text and what people type to JSON. Pure.
 *
 * The server alone decides which values are valid: "abc" in a field for a number is sent as the text "abc", and the server
 * reports what is wrong with it, in the same words as by REST.
 */

import { cut, jsonText } from "../../text/json.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** Returns the initial values of a form: a task's parameters if there are any, else the defaults. */
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
  return field.kind === "list" ? textOfItems(field, value) : textOfValue(field, value);
}

/** Returns how a value that is not a list is written. */
export function textOfValue({ kind }, value) {
  return kind === "name" ? nameText(value) : scalarText(value);
}

/** Puts a text in quotes if it would be read as something else. */
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

/** Returns how a list with these items is written: one per line, or as JSON if lines would not be read as the same list, for
 * example because an item contains a line break. */
export function textOfItems(field, value) {
  if (!Array.isArray(value)) return scalarText(value);
  const lines = value.map(scalarText).join("\n");
  return JSON.stringify(listFrom(field, lines)) === JSON.stringify(value) ? lines : JSON.stringify(value);
}

/** Returns the items of a list that is written as this text. */
export function itemsOf(field, text) {
  return isEmpty(field, text) ? [] : listFrom(field, text);
}

/** Returns what people typed, as JSON. `errors`, by name, are for what cannot be sent at all. */
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

/** Returns the value of an empty field; undefined, which leaves it out, if that means the same or no value is written so. */
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

/** Returns the number; or the text if it is not a number, or one that JavaScript would change: integers beyond 2 ** 53. */
export function numberFrom(kind, text) {
  const value = NUMBER.test(text.trim()) ? Number(text) : NaN;
  const isChanged = kind === "integer" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return Number.isFinite(value) && !isChanged ? value : text;
}

/** Reads a list: one item per line, skipping empty ones, unless the whole text is a list in JSON. */
function listFrom({ items }, text) {
  const written = text.trim().startsWith("[") ? jsonFrom(text).value : undefined;
  if (Array.isArray(written)) return written;
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => scalarFrom(items, line));
}

function jsonFrom(text) {
  try {
    JSON.parse(text); // if this throws, the message is about what was typed
    return { value: JSON.parse(exact(text)) };
  } catch (error) {
    return { error: `expected JSON, got ${cut(text.trim().replace(/\s+/g, " "))}: ${reason(error)}` };
  }
}

/** Returns the JSON with its integers beyond 2 ** 53 as text. */
function exact(json) {
  const isChanged = (token) => /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
  return json.replace(TOKEN, (token) => (isChanged(token) ? `"${token}"` : token));
}

/** Returns the browser's message, in the same form for all browsers. */
function reason(error) {
  const words = error.message.replace(/^JSON\.parse: /, "").replace(/\s+/g, " ");
  return words.slice(0, 1).toLowerCase() + words.slice(1);
}

/** Returns the list with what was typed as its last item. */
export function withItem(field, text, typed) {
  return textOfItems(field, [...itemsOf(field, text), scalarFrom(field.items, typed)]);
}
