import assert from "node:assert/strict";
import { test } from "node:test";
import { timeline } from "../../../../static/js/state/tasks/timeline.js";
import { at, task } from "../../support.js";

const running = (fields) => task(7, { round: 0, interruptions: 0, ...fields });
const rounds = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => ({ number: from + index, at: at((from + index) % 60) }));
const told = ({ kind, text, seconds = [] }) => [kind, text].concat(seconds);
const texts = (...given) => timeline(...given).map(told);

test("a time line goes from creation over waiting to the end", () => {
  const fields = { created: at(0), created_by: "admin", started: at(12), ended: at(32), status: "Finished" };
  assert.deepEqual(texts(running(fields), []), [
    ["created", "Created by admin"],
    ["waited", "Waited", 12],
    ["started", "Started"],
    ["ended", "Finished", 20],
  ]);
});

test("a time line ends with what is in progress", () => {
  const last = (fields) => texts(running({ created: at(0), created_by: null, ...fields }), []).at(-1);
  assert.deepEqual(last({ status: "Not Started" }), ["waited", "Waiting"]);
  assert.deepEqual(last({ started: at(0) }), ["running", "Running"]);
  const stopping = { started: at(0), ended: at(3), status: "Aborted", stopping: true };
  assert.deepEqual(last(stopping), ["stopping", "Finishing its last round"]);
});

test("a time line shows interruptions, with which round the last one ended, and that there were others", () => {
  const fields = { created: at(0), created_by: null, started: at(0), interruptions: 3 };
  const listed = [{ at: at(5), resumed: at(6) }, { at: at(20), resumed: at(24) }];
  assert.deepEqual(texts(running(fields), listed, rounds(18, 30)).slice(2, -1), [
    ["interrupted", "1 earlier interruption"],
    ["interrupted", "Interrupted"],
    ["resumed", "Resumed", 1],
    ["interrupted", "Interrupted"],
    ["resumed", "Resumed with round 24", 4],
  ]);
  assert.deepEqual(texts(running(fields), []).at(2), ["interrupted", "3 interruptions"]);
});

test("a task that was aborted before it started shows how long it had waited", () => {
  const aborted = running({ created: at(0), created_by: "admin", ended: at(9), status: "Aborted", ended_by: "admin" });
  assert.deepEqual(texts(aborted, []).slice(1), [["waited", "Waited", 9], ["ended", "Aborted by admin"]]);
});
