import assert from "node:assert/strict";
import { test } from "node:test";
import * as opentask from "../../../../static/js/state/tasks/open_task.js";
import { NOW, at, frame, task } from "../../support.js";

const round = (number, fields = {}) => ({ number, at: at(number % 60), seconds: 1, ...fields });
const rounds = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => round(from + index));
const numbers = (open) => open.rounds.map(({ number }) => number);
const running = (fields) => task(7, { round: 0, params: {}, result: null, result_bytes: null, interruptions: 0, ...fields });
const found = (all, after = opentask.firstAfter(running({ round: all.at(-1)?.number ?? 0 }))) => ({ after, rounds: all });
const loaded = (fields, newest = []) =>
  opentask.loaded(opentask.opened(7, null), running(fields), found(newest, opentask.firstAfter(running(fields))), []);
const transition = (from, to, revision, second) => ({ task: 7, from, to, at: at(second), revision });

test("a task that was opened from a list is known, but still to be loaded", () => {
  const open = opentask.opened(7, running());
  assert.equal(open.task.id, 7);
  assert.ok(opentask.isLacking(open));
  assert.ok(!opentask.isLacking(opentask.loaded(open, running(), found([]), [])));
});

test("the newest 200 rounds are asked for, and those before them can be had", () => {
  assert.equal(opentask.firstAfter(running({ round: 350 })), 150);
  assert.equal(opentask.firstAfter(running({ round: 20 })), 0);
  assert.ok(loaded({ round: 350 }, rounds(151, 350)).hasEarlier);
  assert.ok(!loaded({ round: 20 }, rounds(1, 20)).hasEarlier);
});

test("a repeated round replaces the one of its number", () => {
  const open = opentask.withRounds(loaded({ round: 3 }, rounds(1, 3)), [round(3, { message: "again" }), round(4)]);
  assert.deepEqual(numbers(open), [1, 2, 3, 4]);
  assert.equal(open.rounds[2].message, "again");
  assert.equal(opentask.lastNumber(open), 4);
});

test("a task without rounds is watched from where it was loaded", () => {
  assert.equal(opentask.lastNumber(loaded({ round: 0 })), 0);
});

test("of many rounds the newest stay", () => {
  const open = opentask.withRounds(loaded({ round: 200 }, rounds(1, 200)), rounds(201, 700));
  assert.equal(open.rounds.length, opentask.MOST_ROUNDS);
  assert.equal(opentask.lastNumber(open), 700);
  assert.ok(open.hasEarlier);
});

test("of large rounds as many stay as there is room for, at least one", () => {
  const large = (number, megabytes) => round(number, { output: "x".repeat(megabytes * 1024 * 1024) });
  const open = loaded({ round: 3 }, [large(1, 20), large(2, 20), large(3, 1)]);
  assert.deepEqual([numbers(open), open.from, opentask.canShowEarlier(open)], [[2, 3], 1, false]);
  assert.deepEqual(numbers(opentask.withRounds(open, [large(4, 40)])), [4]);
});

test("earlier rounds join those that are there, until there is no more room", () => {
  let open = loaded({ round: 5000 }, rounds(4801, 5000));
  assert.equal(opentask.earlierAfter(open), 3800);
  open = opentask.withEarlier(opentask.loadingEarlier(open), found(rounds(3801, 4800), 3800));
  assert.deepEqual([open.rounds.length, open.isLoadingEarlier, opentask.canShowEarlier(open)], [1200, false, true]);
  open = opentask.withEarlier(open, found(rounds(2801, 3800), 2800));
  assert.equal(open.rounds.length, opentask.MOST_ROUNDS_ASKED);
  assert.ok(open.hasEarlier && !opentask.canShowEarlier(open));
});

test("earlier rounds that could not be loaded can be asked for again", () => {
  const open = opentask.withEarlier(opentask.loadingEarlier(loaded({ round: 300 }, rounds(101, 300))), null);
  assert.deepEqual([open.isLoadingEarlier, open.hasEarlier, open.rounds.length], [false, true, 200]);
});

test("there are no earlier rounds where the server has forgotten them", () => {
  const open = opentask.withEarlier(loaded({ round: 2300 }, rounds(2101, 2300)), found(rounds(2101, 2300), 1100));
  assert.ok(!open.hasEarlier);
});

test("rounds that left holes in their numbers are looked for further back", () => {
  const sparse = [round(4000), round(5000)];
  const open = opentask.withEarlier(loaded({ round: 4100 }, sparse), found(sparse, 2900));
  assert.ok(open.hasEarlier);
  assert.equal(opentask.earlierAfter(open), 1900);
});

test("after a gap, rounds that do not join the new ones go", () => {
  const gap = (open) => opentask.withGap(open);
  const before = gap(loaded({ round: 10 }, rounds(1, 10)));
  const far = opentask.loaded(before, running({ round: 500 }), found(rounds(301, 500), 300), []);
  assert.deepEqual([numbers(far)[0], far.hasEarlier], [301, true]);
  const near = opentask.loaded(before, running({ round: 12 }), found(rounds(1, 12), 0), []);
  assert.deepEqual([near.rounds.length, near.hasEarlier], [12, false]);
});

test("what was known later is not overtaken by what was known earlier", () => {
  const open = loaded({ revision: 20, percent: 50 });
  assert.equal(opentask.withTask(open, running({ revision: 19, percent: 40 })), open);
  assert.equal(opentask.withTask(open, running({ revision: 21, percent: 60 })).task.percent, 60);
});

test("a large result that a frame leaves out is loaded once, and stays", () => {
  const ended = { status: "Finished", result_bytes: 20000, revision: 30 };
  const open = opentask.withFrame(loaded({}), frame(10, 30, { tasks: [running(ended)] }));
  assert.ok(opentask.needsTask(open) && opentask.isLacking(open));
  const whole = opentask.loaded(open, running({ ...ended, result: ["long"] }), null, []);
  assert.ok(!opentask.isLacking(whole));
  const tasks = [running({ ...ended, revision: 31, pinned: true })];
  const pinned = opentask.withFrame(whole, frame(30, 31, { tasks }));
  assert.deepEqual([pinned.task.result, pinned.task.pinned], [["long"], true]);
});

test("large parameters that a list leaves out are loaded, and stay", () => {
  const open = opentask.opened(7, running({ params: null, params_bytes: 20000 }));
  assert.ok(opentask.needsTask(open));
  const whole = opentask.loaded(open, running({ params: { a: 1 } }), found([]), []);
  const next = opentask.withTask(whole, running({ params: null, revision: 40 }));
  assert.deepEqual([next.task.params, next.task.revision, opentask.isLacking(next)], [{ a: 1 }, 40, false]);
});

test("where frames bear no rounds, those after the last one are asked for when the task has changed", () => {
  const open = loaded({ round: 3, revision: 20 }, rounds(1, 3));
  assert.ok(!opentask.lacksRounds(open));
  const next = opentask.withTask(open, running({ round: 5, revision: 21 }));
  assert.deepEqual([opentask.lacksRounds(next), opentask.followingAfter(next)], [true, 3]);
  const later = opentask.withLater(next, found(rounds(4, 5), 3), 21);
  assert.deepEqual([numbers(later), opentask.lacksRounds(later)], [[1, 2, 3, 4, 5], false]);
  const again = opentask.withTask(later, running({ round: 1, revision: 22 }));
  assert.equal(opentask.followingAfter(again), 0);
  assert.ok(!opentask.lacksRounds(opentask.withLater(again, null, 22)));
});

test("a job that returned nothing lacks no result", () => {
  assert.ok(!opentask.needsTask(loaded({ status: "Finished", result_bytes: 4 })));
});

test("a frame brings transitions, the task, its rounds and nothing of others", () => {
  const open = loaded({ status: "Not Started" });
  const transitions = [transition("Not Started", "Running", 11, 4)];
  const brought = { transitions, tasks: [task(8, { revision: 12 })], rounds: { 7: [round(1)], 8: [round(9)] } };
  const next = opentask.withFrame(open, frame(10, 12, brought));
  assert.deepEqual([next.task.status, numbers(next)], ["Running", [1]]);
  assert.equal(opentask.withFrame(open, frame(10, 11, { tasks: [task(8)], deleted: [9] })), open);
});

test("a deleted task stays as it was, and is not loaded again", () => {
  const open = opentask.withFrame(loaded({ percent: 40 }), frame(10, 11, { deleted: [7] }));
  assert.deepEqual([open.gone, open.task.percent, opentask.isLacking(opentask.withGap(open))], [true, 40, false]);
});

test("a task that could not be loaded is not asked for until there is a reason", () => {
  const failed = opentask.withOpenError(opentask.opened(7, null), "no answer");
  assert.ok(!opentask.isLacking(failed));
  assert.ok(opentask.isLacking(opentask.withGap(failed)));
});

test("interruptions are told by frames, and join those that the server lists", () => {
  const open = opentask.loaded(opentask.opened(7, null), running(), found([]), [{ at: at(1), resumed: at(2) }]);
  const frameOf = (...change) => frame(10, 12, { transitions: [transition(...change)] });
  const after = (known, ...change) => opentask.withFrame(known, frameOf(...change));
  const stopped = after(open, "Running", "Not Started", 11, 5);
  assert.deepEqual(stopped.interruptions, [{ at: at(1), resumed: at(2) }, { at: at(5), resumed: null }]);
  const goesOn = after(stopped, "Not Started", "Running", 12, 8);
  assert.equal(goesOn.interruptions[1].resumed, at(8));
  assert.deepEqual(opentask.withInterruptions(goesOn, stopped.interruptions).interruptions, goesOn.interruptions);
});

test("durations are those of the newest rounds, and the longest is named", () => {
  const open = loaded({ round: 3 }, [round(1), round(2, { seconds: 14 }), round(3, { seconds: 0.06 })]);
  assert.deepEqual(opentask.durations(open), { x: [1, 2, 3], y: [1, 14, 0.06] });
  assert.equal(opentask.durationsText(open), "median 1 s, longest 14 s (round 2)");
  assert.equal(opentask.durationsText(loaded({ round: 1 }, [round(1)])), "");
});

test("the median of an even number of values lies between the two in the middle", () => {
  assert.equal(opentask.median([4, 1, 3, 2]), 2.5);
  assert.equal(opentask.median([3, 1, 2]), 2);
});

test("a stalled task says for how long it has been silent, and what is usual where that is known", () => {
  const since = new Date(NOW - 14 * 60000).toISOString();
  assert.equal(
    opentask.stalledText(running({ pace_seconds: 20 }), NOW, since),
    "stalled: no round for 14 m, usually 20 s a round",
  );
  const early = running({ pace_seconds: null, last_modified: since });
  assert.equal(opentask.stalledText(early, NOW), "stalled: no round for 14 m");
});

test("the last sign of life is the last round, or the start or resumption after it", () => {
  assert.equal(opentask.lastSign(loaded({ started: at(1), round: 9 }, rounds(8, 9))), at(9));
  assert.equal(opentask.lastSign(loaded({ started: at(1) })), at(1));
  const done = loaded({ started: at(1) }, rounds(8, 9));
  assert.equal(opentask.lastSign(opentask.withInterruptions(done, [{ at: at(10), resumed: at(11) }])), at(11));
});

test("places in a line are ordinal numbers", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12].map(opentask.ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th"]);
});

const told = ({ kind, text, seconds = [] }) => [kind, text].concat(seconds);
const texts = (...given) => opentask.timeline(...given).map(told);

test("a time line goes from creation over waiting to the end", () => {
  const fields = { created: at(0), created_by: "admin", started: at(12), ended: at(32), status: "Finished" };
  assert.deepEqual(texts(running(fields), []), [
    ["created", "Created by admin"],
    ["waited", "Waited", 12],
    ["started", "Started"],
    ["ended", "Finished", 20],
  ]);
});

test("a time line ends with what goes on", () => {
  const last = (fields) => texts(running({ created: at(0), created_by: null, ...fields }), []).at(-1);
  assert.deepEqual(last({ status: "Not Started" }), ["waited", "Waiting"]);
  assert.deepEqual(last({ started: at(0) }), ["running", "Running"]);
  const stopping = { started: at(0), ended: at(3), status: "Aborted", stopping: true };
  assert.deepEqual(last(stopping), ["stopping", "Its last round is ending"]);
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

test("JSON for people is indented, and cut where it is too long", () => {
  assert.deepEqual(opentask.readable({ a: [1] }), { text: '{\n  "a": [\n    1\n  ]\n}', length: 22 });
  assert.equal(opentask.readable("a\u202eb גיבוי").text, '"a\\u202eb גיבוי"');
  assert.deepEqual(opentask.readable("abcdef", 3), { text: '"ab', length: 8 });
});
