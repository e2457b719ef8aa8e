import assert from "node:assert/strict";
import { test } from "node:test";
import { useZone } from "../../../static/js/text/format.js";
import * as words from "../../../static/js/text/sentences.js";
import { COUNTS, task } from "../support.js";

test("the button counts pending tasks, and failed ones before them", () => {
  const said = [[0, 0], [1, 0], [3, 0], [3, 1], [0, 2]].map((counts) => words.buttonText(...counts));
  assert.deepEqual(said, ["Background-Tasks", "1 Background-Task", "3 Background-Tasks", "1 Failed-Task", "2 Failed-Tasks"]);
  assert.equal(words.buttonText(0, 100, true), "100+ Failed-Tasks");
});

test("the tooltip shows the mean percent while something is pending", () => {
  assert.equal(words.buttonTooltip(0, 0), "No tasks running");
  assert.equal(words.buttonTooltip(2, 37), "37% done on average");
});

test("the hourglass fills in thirds", () => {
  const fills = [[0, 0], [1, 0], [1, 33], [1, 34], [1, 66], [1, 67], [1, 100]].map((now) => words.hourglassFill(...now));
  assert.deepEqual(fills, ["empty", "start", "start", "half", "half", "end", "end"]);
});

test("a tab shows its count once it is known", () => {
  assert.equal(words.tabTitle("pending", null), "Pending");
  assert.equal(words.tabTitle("pending", { ...COUNTS, Running: 1, "Not Started": 1 }), "Pending (2)");
  assert.equal(words.tabTitle("failed", { ...COUNTS, Exception: 1, Aborted: 2 }), "Failed (3)");
});

test("the freshness line says when the data is from", () => {
  const then = new Date(2025, 10, 24, 12, 3, 11).getTime();
  const text = (phase, dataAt, isPolling = false) => words.freshnessText({ phase, dataAt, isPolling });
  assert.equal(text("live", null), "Live");
  assert.match(text("live", null, true), /^Live by polling: .*proxy.*WebSocket/);
  assert.equal(text("reconnecting", then), "Reconnecting… data from 12:03:11");
  assert.equal(text("stopping", then), "Server is stopping");
});

test("a deletion is asked about by name, or by number", () => {
  const sentence = words.deleteSentence([task(1)]);
  assert.match(sentence, /^You are about to delete Task 1 task which is Running and was last modified on .*2025.*\.$/);
  assert.equal(words.deleteSentence([task(1), task(2), task(3)]), "You are about to delete 3 tasks.");
});

test("any pending task among the chosen ones brings the warning, not only the first", () => {
  const finished = task(1, { status: "Finished" });
  assert.equal(words.mayRollNothingBack([finished, task(2, { status: "Not Started" })]), true);
  assert.equal(words.mayRollNothingBack([finished]), false);
});

test("what was not deleted is reported with its change", () => {
  const changed = words.reportSentence(task(1), { id: 1, outcome: "changed", status: "Finished" });
  assert.equal(changed, "Task 1 changed from Running to Finished");
  assert.equal(words.reportSentence(task(1), { id: 1, outcome: "aborted", status: "Aborted" }), null);
  assert.match(words.reportSentence(task(1), { id: 1, outcome: "missing", status: null }), /already been deleted/);
});

test("the earliest start is shown with its offset, and with a note around clock changes", () => {
  process.env.TZ = "Europe/Berlin";
  useZone("local");
  const startText = (notBefore, isSecondStart = false) => words.startText({ notBefore, isSecondStart }, "local");
  assert.match(startText("2025-10-25T02:30"), /^Not before .*2025.*02:30:00, UTC\+02:00\.$/);
  assert.match(startText("2025-10-26T02:30"), /02:30:00, UTC\+02:00, the first of two: the clocks go back/);
  assert.match(startText("2025-03-30T02:30"), /03:30:00, UTC\+02:00: the clocks go forward/);
  assert.match(startText("2025-10-26T02:30", true), /02:30:00, UTC\+01:00, the second of two/);
  assert.equal(startText(""), "");
  assert.equal(words.secondStartText({ notBefore: "2025-10-26T02:30" }, "local"), "The second of the two, UTC+01:00");
  assert.equal(words.secondStartText({ notBefore: "2025-10-26T02:30" }, "utc"), "");
});

test("a running task is in its first round until one has ended", () => {
  assert.equal(words.underWayText({ round: 0, rounds: 5 }), "first round under way");
  assert.equal(words.underWayText({ round: 1, rounds: 5 }), "round 1 of 5");
});

test("two are named, and the others counted", () => {
  assert.equal(words.someNames(2, ["a", "b"]), "a, b");
  assert.equal(words.someNames(5, ["a", "b", "c"]), "a, b (+3 more)");
});
