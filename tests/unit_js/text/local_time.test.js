import assert from "node:assert/strict";
import { test } from "node:test";
import { offsetText, timeTyped } from "../../../static/js/text/local_time.js";

const told = (text, zone = "local") => {
  const { at, kind } = timeTyped(text, zone);
  return [at === null ? null : new Date(at).toISOString().slice(0, 16), kind];
};

function inZone(zone, check) {
  const before = process.env.TZ;
  process.env.TZ = zone;
  check();
  process.env.TZ = before;
}

test("a time is that of the browser's zone, whatever the season", () => {
  inZone("Europe/Berlin", () => {
    assert.deepEqual(told("2025-07-01T12:00"), ["2025-07-01T10:00", "plain"]);
    assert.deepEqual(told("2025-12-01T12:00"), ["2025-12-01T11:00", "plain"]);
    assert.deepEqual(told("2025-10-26T03:00"), ["2025-10-26T02:00", "plain"]);
  });
});

test("an hour that is skipped is as much later, one that comes twice is the first", () => {
  inZone("Europe/Berlin", () => {
    assert.deepEqual(told("2025-03-30T02:30"), ["2025-03-30T01:30", "skipped"]);
    assert.deepEqual(told("2025-10-26T02:30"), ["2025-10-26T00:30", "doubled"]);
    assert.equal(timeTyped("2025-10-26T02:30", "local", true).at, Date.UTC(2025, 9, 26, 1, 30));
    assert.equal(timeTyped("2025-10-26T04:30", "local", true).at, Date.UTC(2025, 9, 26, 3, 30));
  });
  inZone("America/New_York", () => {
    assert.deepEqual(told("2025-03-09T02:00"), ["2025-03-09T07:00", "skipped"]);
    assert.deepEqual(told("2025-11-02T01:59"), ["2025-11-02T05:59", "doubled"]);
    assert.deepEqual(told("2025-11-02T02:00"), ["2025-11-02T07:00", "plain"]);
  });
  inZone("Australia/Lord_Howe", () => {
    assert.deepEqual(told("2025-04-06T01:45"), ["2025-04-05T14:45", "doubled"]);
    assert.deepEqual(told("2025-10-05T02:15"), ["2025-10-04T15:45", "skipped"]);
  });
});

test("it is what the browser itself makes of it", () => {
  inZone("Europe/Berlin", () => {
    for (const text of ["2025-03-30T01:59", "2025-03-30T02:30", "2025-03-30T03:00", "2025-10-26T02:00", "2026-01-01T00:00"]) {
      assert.equal(timeTyped(text, "local").at, new Date(text).getTime(), text);
    }
  });
});

test("with the page set to UTC it is UTC, and what is no time is none", () => {
  inZone("Europe/Berlin", () => assert.deepEqual(told("2025-10-26T02:30", "utc"), ["2025-10-26T02:30", "plain"]));
  assert.deepEqual(told("incomplete"), [null, "plain"]);
  assert.deepEqual(told("", "utc"), [null, "plain"]);
});

test("the offset is that of the moment", () => {
  inZone("Europe/Berlin", () => {
    assert.equal(offsetText(Date.UTC(2025, 9, 26, 0, 30), "local"), "UTC+02:00");
    assert.equal(offsetText(Date.UTC(2025, 9, 26, 1, 30), "local"), "UTC+01:00");
    assert.equal(offsetText(0, "utc"), "UTC");
  });
  inZone("America/St_Johns", () => assert.equal(offsetText(Date.UTC(2025, 0, 1), "local"), "UTC-03:30"));
});
