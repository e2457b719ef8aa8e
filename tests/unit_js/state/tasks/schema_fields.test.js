import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf, leftEmptyText } from "../../../../static/js/state/tasks/schema_fields.js";

const INTEGER = { type: "integer" };
const TEXT = { type: "string" };
const NULL = { type: "null" };

/** A schema of one parameter, `value`. */
function schemaOf(own, { required = !("default" in own), definitions } = {}) {
  return { type: "object", properties: { value: own }, required: required ? ["value"] : [], $defs: definitions };
}

function fieldOf(own, options) {
  return fieldsOf(schemaOf(own, options))[0];
}

function hintOf(own, definitions) {
  return fieldOf(own, { definitions }).hint;
}

const STEPS = {
  Step: {
    anyOf: [
      { type: "object", properties: { job: { const: "exits" }, params: { type: "object", properties: {} } }, required: ["job"] },
      { type: "object", properties: { job: { const: "chain" }, params: schemaOf({ $ref: "#/$defs/Step" }) }, required: ["job", "params"] },
      { type: "object", properties: { job: { const: "counts" }, params: schemaOf({ ...INTEGER, minimum: 1 }) }, required: ["job", "params"] },
    ],
  },
  Colour: { title: "Colour", enum: ["blue", "red"] },
  Box: { title: "Box", type: "object", properties: { width: INTEGER, name: { ...TEXT, default: "" } }, required: ["width"] },
};

test("a field says what is expected in the words of the server", () => {
  const said = [
    [{ ...INTEGER, "x-expected": "a whole number from 1 to 5" }, "a whole number from 1 to 5"],
    [{ $ref: "#/$defs/Colour", "x-expected": "one of blue, red" }, "one of blue, red"],
    [{ anyOf: [INTEGER, TEXT], "x-expected": "a whole number or text" }, "a whole number or text"],
    [{ ...TEXT, "x-words": "a path", "x-expected": "a path" }, "a path"],
    [{}, "anything"],
  ];
  for (const [own, words] of said) assert.equal(hintOf(own, STEPS), words);
});

test("a field has the kind of its type, and what only JSON can say is typed as JSON", () => {
  const kinds = [
    [INTEGER, "integer"],
    [{ type: "number" }, "number"],
    [TEXT, "text"],
    [{ type: "boolean" }, "boolean"],
    [{ enum: [1, 2] }, "choice"],
    [{ const: "a" }, "choice"],
    [{ $ref: "#/$defs/Colour" }, "choice"],
    [{ type: "array", items: TEXT }, "list"],
    [{ type: "array", items: { $ref: "#/$defs/Colour" } }, "list"],
    [{ type: "array", items: { $ref: "#/$defs/Box" } }, "json"],
    [{ type: "array", items: { anyOf: [INTEGER, NULL] } }, "json"],
    [{ type: "array", prefixItems: [INTEGER, TEXT], items: false }, "json"],
    [{ type: "array" }, "json"],
    [{ $ref: "#/$defs/Box" }, "json"],
    [{ $ref: "#/$defs/Missing" }, "json"],
    [{ anyOf: [INTEGER, TEXT] }, "name"],
    [{ anyOf: [INTEGER, TEXT, { type: "boolean" }] }, "json"],
    [{}, "json"],
  ];
  for (const [own, kind] of kinds) assert.equal(fieldOf(own, { definitions: STEPS }).kind, kind);
});

test("what may be null is a field of its other type, that may be empty", () => {
  const integer = { ...INTEGER, minimum: 1, "x-expected": "a whole number of at least 1" };
  const text = { ...TEXT, "x-expected": "text" };
  const field = fieldOf({ anyOf: [integer, NULL], default: null, "x-expected": "a whole number of at least 1 or null" });
  assert.deepEqual([field.kind, field.isNullable, field.isRequired, field.hint], ["integer", true, false, "a whole number of at least 1"]);
  assert.deepEqual(fieldOf({ enum: [null, "a"] }).choices, ["a"]);
  assert.deepEqual(fieldOf({ anyOf: [{ type: "boolean" }, NULL] }).choices, [true, false]);
  assert.equal(fieldOf({ anyOf: [integer, text, NULL] }).hint, "a whole number of at least 1 or text");
});

test("a field has the name of its parameter for people, unless it has a title", () => {
  const [first, second] = fieldsOf({ properties: { round_seconds: INTEGER, times: { ...INTEGER, title: "How often", description: "Rounds." } } });
  assert.deepEqual([first.label, second.label, second.description], ["Round seconds", "How often", "Rounds."]);
});

test("a field says what leaving it empty means, if that is not obvious", () => {
  const told = [
    [{ ...INTEGER, default: 3 }, "empty means 3"],
    [{ type: "array", prefixItems: [INTEGER, TEXT], default: [1, "x"] }, 'empty means [1, "x"]'],
    [{ anyOf: [INTEGER, NULL] }, "may be empty"],
    [{ anyOf: [INTEGER, NULL], default: 3 }, "empty means none"],
    [{ anyOf: [INTEGER, NULL], default: null }, ""],
    [{ ...TEXT, default: "x" }, ""],
    [INTEGER, ""],
  ];
  for (const [own, words] of told) assert.equal(leftEmptyText(fieldOf(own)), words);
});

test("fields for JSON have an example, even if the schema is recursive", () => {
  const exampleOf = (own) => fieldOf(own, { definitions: STEPS }).example;
  assert.equal(exampleOf({ type: "array", items: { $ref: "#/$defs/Step" } }), '[{"job": "counts", "params": {"value": 1}}]');
  assert.equal(exampleOf({ $ref: "#/$defs/Box" }), '{"width": 1}');
  assert.equal(exampleOf({ type: "array", prefixItems: [INTEGER, TEXT] }), '[1, "text"]');
  assert.equal(exampleOf({ type: "object", additionalProperties: TEXT }), '{"name": "text"}');
});

test("an example is shown in one line, however a part of it is called", () => {
  const schema = { type: "object", properties: { "a: b": TEXT }, required: ["a: b"] };
  assert.equal(fieldOf(schema).example, '{"a: b": "text"}');
});
