import assert from "node:assert/strict";
import { test } from "node:test";
import { paramsFrom, valuesFor } from "../../../../static/js/state/tasks/field_values.js";
import { fieldsOf } from "../../../../static/js/state/tasks/schema_fields.js";

const INTEGER = { type: "integer" };
const TEXT = { type: "string" };
const NULL = { type: "null" };

/** A schema of one parameter, `value`. */
function schemaOf(own, { required = !("default" in own), definitions } = {}) {
  return { type: "object", properties: { value: own }, required: required ? ["value"] : [], $defs: definitions };
}

/** What is sent where `typed` is in the field. */
function sent(own, typed, options) {
  const { params, errors } = paramsFrom(fieldsOf(schemaOf(own, options)), { value: typed });
  assert.deepEqual(errors, {});
  return params;
}

/** What the field shows of a task's parameter, and what it makes of that again. */
function sameAgain(own, value) {
  const fields = fieldsOf(schemaOf(own));
  return paramsFrom(fields, valuesFor(fields, { value })).params.value;
}

test("a number is sent as a number, and what is none as the text that was typed", () => {
  const sentNumbers = [["5", 5], [" 5 ", 5], ["-7", -7], ["007", 7], ["1e3", 1000], ["1.5", 1.5], [".5", 0.5]];
  for (const [typed, value] of sentNumbers) assert.deepEqual(sent(INTEGER, typed), { value });
  for (const typed of ["abc", "0,5", "0x10", "1 000", "Infinity", "1e999", "--1", "true"]) {
    assert.deepEqual(sent(INTEGER, typed), { value: typed });
  }
});

test("a whole number that would be changed on its way is sent as text", () => {
  assert.deepEqual(sent(INTEGER, "9007199254740991"), { value: 9007199254740991 });
  assert.deepEqual(sent(INTEGER, "9007199254740993"), { value: "9007199254740993" });
  assert.deepEqual(sent({ type: "number" }, "1e300"), { value: 1e300 });
});

test("an empty required field asks for the server's words", () => {
  assert.deepEqual(sent(INTEGER, " "), {});
  assert.deepEqual(sent(TEXT, ""), { value: "" });
  assert.deepEqual(sent({ enum: ["a"] }, ""), {});
  assert.deepEqual(sent({}, ""), {});
  assert.deepEqual(sent({ type: "array", items: TEXT }, ""), { value: [] });
  assert.deepEqual(sent({ type: "boolean" }, false), { value: false });
});

test("an empty optional field is left out if that means the same", () => {
  assert.deepEqual(sent({ ...INTEGER, default: 3 }, ""), {});
  assert.deepEqual(sent({ ...TEXT, default: "" }, ""), {});
  assert.deepEqual(sent({ ...TEXT, default: "rbd" }, ""), { value: "" });
  assert.deepEqual(sent({ type: "array", items: TEXT, default: [] }, ""), {});
  assert.deepEqual(sent({ type: "array", items: TEXT, default: ["a"] }, ""), { value: [] });
});

test("an empty field means null if null is possible, and is left out if null is the default", () => {
  assert.deepEqual(sent({ anyOf: [TEXT, NULL] }, ""), { value: null });
  assert.deepEqual(sent({ anyOf: [INTEGER, NULL], default: 3 }, ""), { value: null });
  assert.deepEqual(sent({ anyOf: [INTEGER, NULL], default: null }, ""), {});
});

test("a choice is sent as the value it stands for", () => {
  assert.deepEqual(sent({ enum: [1, 2] }, "2"), { value: 2 });
  assert.deepEqual(sent({ anyOf: [{ type: "boolean" }, NULL] }, "false"), { value: false });
  assert.deepEqual(sent({ enum: ["a"] }, "gone"), { value: "gone" });
});

test("a list has an item per line, and empty lines are none", () => {
  assert.deepEqual(sent({ type: "array", items: TEXT }, "a\n\n b\n"), { value: ["a", " b"] });
  assert.deepEqual(sent({ type: "array", items: INTEGER }, "1\ntwo\n3"), { value: [1, "two", 3] });
  assert.deepEqual(sent({ type: "array", items: { type: "boolean" } }, "true\nfalse"), { value: [true, false] });
  assert.deepEqual(sent({ type: "array", items: INTEGER }, "[1, 2]"), { value: [1, 2] });
});

test("a whole number in JSON that would be changed on its way is sent as text", () => {
  const typed = String.raw`{"9007199254740993": [-9007199254740993, 1.5, 5, 1e300, "\" 9007199254740993"]}`;
  const value = { "9007199254740993": ["-9007199254740993", 1.5, 5, 1e300, '" 9007199254740993'] };
  assert.deepEqual(sent({}, typed), { value });
});

test("digits are the number of a thing, unless they stand in quotes; all else is its name", () => {
  const either = { anyOf: [TEXT, INTEGER] };
  const typed = [["rbd", "rbd"], ["5", 5], [" 5 ", 5], ['"5"', "5"], ['"', '"'], ["5a", "5a"], ["-5", "-5"], ["1.5", "1.5"]];
  for (const [text, value] of typed) assert.deepEqual(sent(either, text), { value });
  for (const value of ["rbd", 5, "5", '"5"', '"', ".mgr", "a b", " 7"]) assert.equal(sameAgain(either, value), value);
});

test("text is sent as it was typed", () => {
  assert.deepEqual(sent(TEXT, "  <b>5</b> "), { value: "  <b>5</b> " });
});

test("invalid JSON is reported under the name of its field, and the rest is read", () => {
  const fields = fieldsOf({ properties: { steps: {}, times: INTEGER }, required: ["steps", "times"] });
  const { params, errors } = paramsFrom(fields, { steps: '[{"job":\n "a"', times: "5" });
  assert.deepEqual(params, { times: 5 });
  assert.deepEqual(Object.keys(errors), ["steps"]);
  assert.match(errors.steps[0], /^expected JSON, got \[\{"job": "a": [a-z].*JSON/);
});

test("long JSON that cannot be read is cut in the message", () => {
  const { errors } = paramsFrom(fieldsOf(schemaOf({})), { value: `[${"1, ".repeat(100)}` });
  assert.match(errors.value[0], /^expected JSON, got .{59}…: /);
});

test("the form shows the defaults, or the parameters of a task", () => {
  const fields = fieldsOf({
    properties: {
      times: INTEGER,
      path: { ...TEXT, default: "a" },
      on: { type: "boolean", default: true },
      free: { default: null },
      maybe: { anyOf: [INTEGER, NULL], default: 3 },
      steps: { default: [{ job: "a" }] },
    },
    required: ["times"],
  });
  const shown = { times: "", path: "a", on: true, free: "null", maybe: "3", steps: '[{"job": "a"}]' };
  assert.deepEqual(valuesFor(fields), shown);
  const params = { times: 5, path: "b", on: false, maybe: null };
  assert.deepEqual(valuesFor(fields, params), { ...shown, times: "5", path: "b", on: false, maybe: "" });
});

test("the parameters of a task come out of the form as they went in", () => {
  const list = { type: "array", items: TEXT };
  const values = [
    [INTEGER, 5], [{ type: "number" }, 1e-7], [TEXT, " a\r\nb "], [{ type: "boolean" }, true], [{ enum: [1, "a"] }, 1],
    [list, []], [list, ["a", "b"]], [list, [""]], [list, ["a\nb", "c"]], [list, ['["a"]']], [list, ["[x"]],
    [{ type: "array", items: INTEGER }, [3, 2]], [{}, null], [{}, "text"], [{}, { deep: [{ a: "b".repeat(100) }] }],
    [{ anyOf: [INTEGER, NULL] }, null], [{ ...TEXT, default: "x" }, ""], [{ ...list, default: ["x"] }, []],
  ];
  for (const [own, value] of values) assert.deepEqual(sameAgain(own, value), value);
});

test("a task's parameters that its job no longer takes are still sent to the server", () => {
  assert.equal(sameAgain({ enum: ["a"] }, "b"), "b");
  assert.equal(sameAgain({ type: "array", items: INTEGER }, "no list")[0], "no list");
});

test("a parameter may have any name", () => {
  const schema = JSON.parse('{"properties": {"__proto__": {"type": "integer"}, "constructor": {"type": "string"}}, "required": ["__proto__", "constructor"]}');
  const fields = fieldsOf(schema);
  const values = valuesFor(fields, JSON.parse('{"__proto__": 5, "constructor": "a"}'));
  assert.equal(JSON.stringify(paramsFrom(fields, values).params), '{"__proto__":5,"constructor":"a"}');
  assert.equal(valuesFor(fields, {}).constructor, "");
});
