/** Form fields made from a job's JSON Schema: the kind of each, what it expects, and an example. Pure. */

import { capitalised } from "../../text/format.js";
import { cut, jsonText, spaced } from "../../text/json.js";

const SCALARS = ["integer", "number", "text", "boolean", "choice"];

/**
 * Returns a field for each of the job's parameters, in its order. `hint` says what is expected, in the server's words, `offers`
 * where values can be chosen from (choosing.js).
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

/** Returns `Round seconds` for `round_seconds`. */
function labelOf(name) {
  return capitalised(name.replaceAll("_", " ").trim() || name);
}

function shapeOf(own, definitions) {
  const { schema, isNullable } = withoutNull(own);
  const plain = resolved(schema, definitions);
  const kind = kindOf(plain, definitions, isNullable);
  return {
    kind,
    isNullable,
    hint: own["x-words"] ?? expectedOf(schema),
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

/** Returns whether a value is a name or an id, like a pool's: digits are read as the id, unless they are in quotes. */
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

/** Returns what the server expects, in its words; for a union whose null was removed, those of the other members. */
function expectedOf(schema) {
  return schema["x-expected"] ?? schema.anyOf?.map(expectedOf).join(" or ") ?? "anything";
}

/** Returns the effect of leaving the field empty, if that is neither a mistake nor obvious. */
export function leftEmptyText(field) {
  if (field.isNullable && field.isRequired) return "may be empty";
  if (field.isRequired || field.default === null) return "";
  if (field.isNullable) return "empty means none";
  return ["integer", "number", "json"].includes(field.kind) ? `empty means ${cut(spaced(field.default))}` : "";
}

// Examples for fields that take JSON.

/** Returns a small valid value; undefined if the schema is recursive without end. */
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

/** Returns the example with the most parts, the first of several. */
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
