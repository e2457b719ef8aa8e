import assert from "node:assert/strict";
import { test } from "node:test";
import { UNKNOWN, timeOf, withDate, withFrame } from "../../../static/js/state/clock.js";

const AT = Date.parse("2025-11-24T12:00:00.250Z");
const hello = (fields) => ({ type: "hello", now: "2025-11-24T12:00:00.250Z", ...fields });

test("the time that a frame names counts from then on, whatever the browser says", () => {
  const clock = withFrame(UNKNOWN, hello(), 5000);
  assert.equal(timeOf(clock, 5000, 0), AT);
  assert.equal(timeOf(clock, 65000, 0), AT + 60000);
  const later = withFrame(clock, { type: "alive", now: "2025-11-24T11:00:00.000Z" }, 70000);
  assert.equal(timeOf(later, 70000, 0), Date.parse("2025-11-24T11:00:00.000Z"));
});

test("until then the date of answers says it, to about a second", () => {
  const clock = withDate(UNKNOWN, "Mon, 24 Nov 2025 12:00:00 GMT", 100);
  assert.equal(timeOf(clock, 100, 0), Date.parse("2025-11-24T12:00:00.500Z"));
  const exact = withFrame(clock, hello(), 200);
  assert.equal(withDate(exact, "Mon, 24 Nov 2025 15:00:00 GMT", 300), exact);
});

test("if frames have no time, as with polling, answers set it again", () => {
  const clock = withFrame(withFrame(UNKNOWN, hello(), 0), { type: "hello" }, 10);
  assert.equal(timeOf(clock, 10, 0), AT + 10);
  const dated = withDate(clock, "Mon, 24 Nov 2025 15:00:00 GMT", 20);
  assert.equal(timeOf(dated, 20, 0), Date.parse("2025-11-24T15:00:00.500Z"));
});

test("what is no time changes nothing, and while nothing is known the browser says it", () => {
  assert.equal(withDate(UNKNOWN, null, 0), UNKNOWN);
  assert.equal(withDate(UNKNOWN, "soon", 0), UNKNOWN);
  assert.equal(withFrame(UNKNOWN, { type: "changes" }, 0), UNKNOWN);
  assert.equal(timeOf(UNKNOWN, 1000, 77), 77);
});
