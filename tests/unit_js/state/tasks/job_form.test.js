import assert from "node:assert/strict";
import { test } from "node:test";
import * as form from "../../../../static/js/state/tasks/job_form.js";

process.env.TZ = "Asia/Kolkata";

const INTEGER = { type: "integer" };
const TEXT = { type: "string" };
const NULL = { type: "null" };

/** A schema of one parameter, `value`. */
function schemaOf(own, { required = !("default" in own), definitions } = {}) {
  return { type: "object", properties: { value: own }, required: required ? ["value"] : [], $defs: definitions };
}

function fieldOf(own, options) {
  return form.fieldsOf(schemaOf(own, options))[0];
}

function hintOf(own, definitions) {
  return fieldOf(own, { definitions }).hint;
}

/** What is sent where `typed` is in the field. */
function sent(own, typed, options) {
  const { params, errors } = form.paramsFrom(form.fieldsOf(schemaOf(own, options)), { value: typed });
  assert.deepEqual(errors, {});
  return params;
}

/** What the field shows of a task's parameter, and what it makes of that again. */
function sameAgain(own, value) {
  const fields = form.fieldsOf(schemaOf(own));
  return form.paramsFrom(fields, form.valuesFor(fields, { value })).params.value;
}

function jobOf(name, properties, fields = {}) {
  const required = Object.keys(properties).filter((parameter) => !("default" in properties[parameter]));
  return { job: name, description: "", parameters: { type: "object", properties, required }, available: true, ...fields };
}

const COUNTS = jobOf("counts", { times: INTEGER, path: { ...TEXT, default: "" } });
const PRINTS = jobOf("prints", { text: TEXT });
const JOBS = [COUNTS, PRINTS];

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
  const [first, second] = form.fieldsOf({ properties: { round_seconds: INTEGER, times: { ...INTEGER, title: "How often", description: "Rounds." } } });
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
  for (const [own, words] of told) assert.equal(form.emptyText(fieldOf(own)), words);
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

test("an empty optional field is left out where that means the same", () => {
  assert.deepEqual(sent({ ...INTEGER, default: 3 }, ""), {});
  assert.deepEqual(sent({ ...TEXT, default: "" }, ""), {});
  assert.deepEqual(sent({ ...TEXT, default: "rbd" }, ""), { value: "" });
  assert.deepEqual(sent({ type: "array", items: TEXT, default: [] }, ""), {});
  assert.deepEqual(sent({ type: "array", items: TEXT, default: ["a"] }, ""), { value: [] });
});

test("an empty field means null where null is possible, and is left out where null is the default", () => {
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

test("JSON that cannot be read is told by the name of its field, and the rest is read", () => {
  const fields = form.fieldsOf({ properties: { steps: {}, times: INTEGER }, required: ["steps", "times"] });
  const { params, errors } = form.paramsFrom(fields, { steps: '[{"job":\n "a"', times: "5" });
  assert.deepEqual(params, { times: 5 });
  assert.deepEqual(Object.keys(errors), ["steps"]);
  assert.match(errors.steps[0], /^expected JSON, got \[\{"job": "a": [a-z].*JSON/);
});

test("long JSON that cannot be read is cut in the message", () => {
  const { errors } = form.paramsFrom(form.fieldsOf(schemaOf({})), { value: `[${"1, ".repeat(100)}` });
  assert.match(errors.value[0], /^expected JSON, got .{59}…: /);
});

test("the form shows the defaults, or the parameters of a task", () => {
  const fields = form.fieldsOf({
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
  assert.deepEqual(form.valuesFor(fields), shown);
  const params = { times: 5, path: "b", on: false, maybe: null };
  assert.deepEqual(form.valuesFor(fields, params), { ...shown, times: "5", path: "b", on: false, maybe: "" });
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

test("what a task had and its job does not take any more is still told to the server", () => {
  assert.equal(sameAgain({ enum: ["a"] }, "b"), "b");
  assert.equal(sameAgain({ type: "array", items: INTEGER }, "no list")[0], "no list");
});

test("a form that is opened shows its job, and the only job there is without being asked", () => {
  assert.equal(form.startOpened(JOBS).job, "");
  assert.equal(form.startOpened([COUNTS, { ...PRINTS, available: false }]).job, "counts");
  assert.deepEqual(form.startOpened(JOBS, "counts").values, { times: "", path: "" });
});

test("a form that is opened before the jobs are known is filled when they are, and what was typed stays", () => {
  const opened = form.startOpened(null, "counts", { id: 7, job: "counts", params: { times: 5, path: "a" }, priority: 10 });
  assert.deepEqual([opened.job, opened.from, opened.priority, opened.values], ["counts", 7, "10", {}]);
  const filled = form.jobsKnown(opened, JOBS);
  assert.deepEqual(filled.values, { times: "5", path: "a" });
  assert.deepEqual(form.jobsKnown(form.valueSet(filled, "times", "6"), JOBS).values, { times: "6", path: "a" });
});

test("a job that is not there can neither be filled nor started", () => {
  const opened = form.startOpened(JOBS, "gone");
  assert.deepEqual([opened.values, form.canStart(opened, JOBS)], [{}, false]);
  assert.equal(form.canStart(form.startOpened(null, "counts"), null), false);
  assert.equal(form.canStart(form.startOpened([{ ...COUNTS, available: false }], "counts"), [{ ...COUNTS, available: false }]), false);
  assert.equal(form.canStart(form.startOpened(JOBS, "counts"), JOBS), true);
});

test("text with line breaks is known as such, and only as the form was filled", () => {
  const opened = form.startOpened(JOBS, "prints", { id: 1, job: "prints", params: { text: "a\nb" }, priority: 0 });
  assert.deepEqual(opened.multiline, ["text"]);
  assert.deepEqual(form.valueSet(opened, "text", "a").multiline, ["text"]);
});

test("another job begins a form of its own, with the same time and priority", () => {
  let start = form.startOpened(JOBS, "counts", { id: 7, job: "counts", params: { times: 5 }, priority: 10 });
  start = form.jobChosen(form.startRefused(start, { message: "no", errors: { times: ["no"] } }), JOBS, "prints");
  assert.deepEqual([start.job, start.values, start.from, start.priority], ["prints", { text: "" }, null, "10"]);
  assert.deepEqual([start.errors, start.error], [{}, ""]);
});

test("a refusal gives the form back with what is wrong, and each one is counted", () => {
  const began = form.startBegan(form.startOpened(JOBS, "counts"));
  assert.equal(form.canStart(began, JOBS), false);
  const refused = form.startRefused(began, { message: "times: no", errors: { times: ["no"] } });
  assert.deepEqual([refused.busy, refused.error, refused.errors, refused.refusals], [false, "times: no", { times: ["no"] }, 1]);
  const again = form.startRefused(refused, { message: "The server cannot be reached." });
  assert.deepEqual([again.errors, again.refusals], [{}, 2]);
});

test("the request leaves out what has not been given", () => {
  const start = form.valueSet(form.startOpened(JOBS, "counts"), "times", "5");
  assert.deepEqual(form.submission(COUNTS, start), { job: "counts", params: { times: 5 } });
});

test("the request has the priority, and the earliest start in UTC", () => {
  const start = { ...form.startOpened(JOBS, "counts"), priority: "-5", notBefore: "2025-11-24T12:00" };
  const { priority, not_before: notBefore } = form.submission(COUNTS, start);
  assert.equal(priority, -5);
  assert.equal(notBefore, "2025-11-24T06:30:00.000Z");
  const wrong = form.submission(COUNTS, { ...start, priority: "high", notBefore: form.INCOMPLETE });
  assert.deepEqual([wrong.priority, wrong.not_before], ["high", "incomplete"]);
});

test("JSON that cannot be read is found before anything is sent", () => {
  const job = jobOf("chain", { steps: { type: "array", items: { $ref: "#/$defs/Step" } } });
  const start = form.valueSet(form.startOpened([job], "chain"), "steps", "[");
  assert.deepEqual(Object.keys(form.unreadable(job, start)), ["steps"]);
  assert.deepEqual(form.unreadable(job, form.valueSet(start, "steps", "[]")), {});
});

test("each message of the server is placed at its field, also one about a part of it", () => {
  const fields = [{ name: "step" }, { name: "steps" }, { name: "steps[0]" }];
  const errors = { step: ["a"], "steps[1].params.times": ["b"], steps: ["c"], "steps[0].job": ["d"] };
  assert.deepEqual(Object.fromEntries(form.placed(fields, errors).fields), {
    step: ["a"],
    steps: ["steps[1].params.times: b", "c"],
    "steps[0]": ["steps[0].job: d"],
  });
});

test("messages about the options are told there, and what has no place is told at the top", () => {
  const places = form.placed([{ name: "times" }], { priority: ["a"], not_before: ["b"], job: ["c"], stepped: ["d"], params: ["e"] });
  assert.deepEqual([places.priority, places.not_before, places.job], [["a"], ["b"], ["c"]]);
  assert.deepEqual(places.general, ["stepped: d", "params: e"]);
});

test("a message about a parameter with the name of an option is told at both", () => {
  const places = form.placed([{ name: "priority" }], { priority: ["a"] });
  assert.deepEqual([places.fields.get("priority"), places.priority, places.general], [["a"], ["a"], []]);
});

test("a parameter may have any name", () => {
  const schema = JSON.parse('{"properties": {"__proto__": {"type": "integer"}, "constructor": {"type": "string"}}, "required": ["__proto__", "constructor"]}');
  const fields = form.fieldsOf(schema);
  const values = form.valuesFor(fields, JSON.parse('{"__proto__": 5, "constructor": "a"}'));
  assert.equal(JSON.stringify(form.paramsFrom(fields, values).params), '{"__proto__":5,"constructor":"a"}');
  assert.equal(form.valuesFor(fields, {}).constructor, "");
});
