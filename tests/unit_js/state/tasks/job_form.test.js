import assert from "node:assert/strict";
import { test } from "node:test";
import * as form from "../../../../static/js/state/tasks/job_form.js";

process.env.TZ = "Asia/Kolkata";

const INTEGER = { type: "integer" };
const TEXT = { type: "string" };

function jobOf(name, properties, fields = {}) {
  const required = Object.keys(properties).filter((parameter) => !("default" in properties[parameter]));
  return { job: name, description: "", parameters: { type: "object", properties, required }, available: true, ...fields };
}

const COUNTS = jobOf("counts", { times: INTEGER, path: { ...TEXT, default: "" } });
const PRINTS = jobOf("prints", { text: TEXT });
const JOBS = [COUNTS, PRINTS];

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

test("messages about the options are shown there, and those that have no place at the top", () => {
  const places = form.placed([{ name: "times" }], { priority: ["a"], not_before: ["b"], job: ["c"], stepped: ["d"], params: ["e"] });
  assert.deepEqual([places.priority, places.not_before, places.job], [["a"], ["b"], ["c"]]);
  assert.deepEqual(places.general, ["stepped: d", "params: e"]);
});

test("a message about a parameter with the name of an option is shown at both", () => {
  const places = form.placed([{ name: "priority" }], { priority: ["a"] });
  assert.deepEqual([places.fields.get("priority"), places.priority, places.general], [["a"], ["a"], []]);
});
