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
    [{ ...INTEGER, minimum: 1, maximum: 1000000 }, "a whole number from 1 to 1000000"],
    [{ ...INTEGER, minimum: 1, maximum: 1000, multipleOf: 5 }, "a whole number from 1 to 1000 divisible by 5"],
    [{ ...INTEGER, minimum: 2 }, "a whole number of at least 2"],
    [{ type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 }, "a number of more than 0 and of less than 1"],
    [TEXT, "text"],
    [{ ...TEXT, maxLength: 20 }, "text of at most 20 characters"],
    [{ ...TEXT, minLength: 1 }, "text of at least 1 character"],
    [{ ...TEXT, minLength: 2, maxLength: 20 }, "text of 2 to 20 characters"],
    [{ ...TEXT, minLength: 3, maxLength: 3, pattern: "^a" }, "text of 3 characters that matches ^a"],
    [{ ...TEXT, format: "date-time" }, "a valid datetime"],
    [{ type: "boolean" }, "true or false"],
    [{ enum: ["a", "b"] }, "one of a, b"],
    [{ $ref: "#/$defs/Colour" }, "one of blue, red"],
    [{ type: "array", items: INTEGER, maxItems: 5 }, "a list of at most 5 items, each item a whole number"],
    [{ type: "array", items: { $ref: "#/$defs/Step" }, minItems: 1, maxItems: 100 }, "a list of 1 to 100 items, each item a valid Step"],
    [{ type: "object", additionalProperties: INTEGER }, "an object, each value a whole number"],
    [{ $ref: "#/$defs/Box" }, "a valid Box"],
    [{ anyOf: [INTEGER, TEXT] }, "a whole number or text"],
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
  const field = fieldOf({ anyOf: [{ ...INTEGER, minimum: 1 }, NULL], default: null });
  assert.deepEqual([field.kind, field.isNullable, field.isRequired, field.hint], ["integer", true, false, "a whole number of at least 1"]);
  assert.deepEqual(fieldOf({ enum: [null, "a"] }).choices, ["a"]);
  assert.deepEqual(fieldOf({ anyOf: [{ type: "boolean" }, NULL] }).choices, [true, false]);
  assert.equal(fieldOf({ anyOf: [INTEGER, TEXT, NULL] }).hint, "a whole number or text");
});

test("a field has the name of its parameter for people, unless it has a title", () => {
  const [first, second] = fieldsOf({ properties: { round_seconds: INTEGER, times: { ...INTEGER, title: "How often", description: "Rounds." } } });
  assert.deepEqual([first.label, second.label, second.description], ["Round seconds", "How often", "Rounds."]);
});

test("a field tells what follows when it is left empty, where that is not plain", () => {
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

test("what is typed as JSON has an example, also where it can hold itself", () => {
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
