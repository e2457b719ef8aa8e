import assert from "node:assert/strict";
import { test } from "node:test";
import * as openTask from "../../../../static/js/state/tasks/open_task.js";
import { NOW, at, frame, task } from "../../support.js";

const round = (number, fields = {}) => ({ number, at: at(number % 60), seconds: 1, ...fields });
const rounds = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => round(from + index));
const numbers = (open) => open.rounds.map(({ number }) => number);
const running = (fields) => task(7, { round: 0, params: {}, result: null, result_bytes: null, interruptions: 0, ...fields });
const found = (all, after = openTask.firstAfter(running({ round: all.at(-1)?.number ?? 0 }))) => ({ after, rounds: all });
const loaded = (fields, newest = []) =>
  openTask.loaded(openTask.opened(7, null), running(fields), found(newest, openTask.firstAfter(running(fields))), []);
const transition = (from, to, revision, second) => ({ task: 7, from, to, at: at(second), revision });

test("a task that was opened from a list is known, but still to be loaded", () => {
  const open = openTask.opened(7, running());
  assert.equal(open.task.id, 7);
  assert.ok(openTask.isLacking(open));
  assert.ok(!openTask.isLacking(openTask.loaded(open, running(), found([]), [])));
});

test("the newest 200 rounds are loaded, and earlier ones on request", () => {
  assert.equal(openTask.firstAfter(running({ round: 350 })), 150);
  assert.equal(openTask.firstAfter(running({ round: 20 })), 0);
  assert.ok(loaded({ round: 350 }, rounds(151, 350)).hasEarlier);
  assert.ok(!loaded({ round: 20 }, rounds(1, 20)).hasEarlier);
});

test("a repeated round replaces the one of its number", () => {
  const open = openTask.withRounds(loaded({ round: 3 }, rounds(1, 3)), [round(3, { message: "again" }), round(4)]);
  assert.deepEqual(numbers(open), [1, 2, 3, 4]);
  assert.equal(open.rounds[2].message, "again");
  assert.equal(openTask.lastNumber(open), 4);
});

test("a task without rounds is watched from where it was loaded", () => {
  assert.equal(openTask.lastNumber(loaded({ round: 0 })), 0);
});

test("of many rounds the newest stay", () => {
  const open = openTask.withRounds(loaded({ round: 200 }, rounds(1, 200)), rounds(201, 700));
  assert.equal(open.rounds.length, openTask.MOST_ROUNDS);
  assert.equal(openTask.lastNumber(open), 700);
  assert.ok(open.hasEarlier);
});

test("of large rounds as many stay as there is room for, at least one", () => {
  const large = (number, megabytes) => round(number, { output: "x".repeat(megabytes * 1024 * 1024) });
  const open = loaded({ round: 3 }, [large(1, 20), large(2, 20), large(3, 1)]);
  assert.deepEqual([numbers(open), open.from, openTask.canShowEarlier(open)], [[2, 3], 1, false]);
  assert.deepEqual(numbers(openTask.withRounds(open, [large(4, 40)])), [4]);
});

test("earlier rounds join those that are there, until there is no more room", () => {
  let open = loaded({ round: 5000 }, rounds(4801, 5000));
  assert.equal(openTask.earlierAfter(open), 3800);
  open = openTask.withEarlier(openTask.loadingEarlier(open), found(rounds(3801, 4800), 3800));
  assert.deepEqual([open.rounds.length, open.isLoadingEarlier, openTask.canShowEarlier(open)], [1200, false, true]);
  open = openTask.withEarlier(open, found(rounds(2801, 3800), 2800));
  assert.equal(open.rounds.length, openTask.MOST_ROUNDS_ASKED);
  assert.ok(open.hasEarlier && !openTask.canShowEarlier(open));
});

test("earlier rounds that could not be loaded can be requested again", () => {
  const open = openTask.withEarlier(openTask.loadingEarlier(loaded({ round: 300 }, rounds(101, 300))), null);
  assert.deepEqual([open.isLoadingEarlier, open.hasEarlier, open.rounds.length], [false, true, 200]);
});

test("there are no earlier rounds if the server no longer has them", () => {
  const open = openTask.withEarlier(loaded({ round: 2300 }, rounds(2101, 2300)), found(rounds(2101, 2300), 1100));
  assert.ok(!open.hasEarlier);
});

test("rounds that left holes in their numbers are looked for further back", () => {
  const sparse = [round(4000), round(5000)];
  const open = openTask.withEarlier(loaded({ round: 4100 }, sparse), found(sparse, 2900));
  assert.ok(open.hasEarlier);
  assert.equal(openTask.earlierAfter(open), 1900);
});

test("after a gap, rounds that do not join the new ones go", () => {
  const gap = (open) => openTask.withGap(open);
  const before = gap(loaded({ round: 10 }, rounds(1, 10)));
  const far = openTask.loaded(before, running({ round: 500 }), found(rounds(301, 500), 300), []);
  assert.deepEqual([numbers(far)[0], far.hasEarlier], [301, true]);
  const near = openTask.loaded(before, running({ round: 12 }), found(rounds(1, 12), 0), []);
  assert.deepEqual([near.rounds.length, near.hasEarlier], [12, false]);
});

test("newer data is not replaced by older data", () => {
  const open = loaded({ revision: 20, percent: 50 });
  assert.equal(openTask.withTask(open, running({ revision: 19, percent: 40 })), open);
  assert.equal(openTask.withTask(open, running({ revision: 21, percent: 60 })).task.percent, 60);
});

test("a large result that a frame leaves out is loaded once, and stays", () => {
  const ended = { status: "Finished", result_bytes: 20000, revision: 30 };
  const open = openTask.withFrame(loaded({}), frame(10, 30, { tasks: [running(ended)] }));
  assert.ok(openTask.needsTask(open) && openTask.isLacking(open));
  const whole = openTask.loaded(open, running({ ...ended, result: ["long"] }), null, []);
  assert.ok(!openTask.isLacking(whole));
  const tasks = [running({ ...ended, revision: 31, pinned: true })];
  const pinned = openTask.withFrame(whole, frame(30, 31, { tasks }));
  assert.deepEqual([pinned.task.result, pinned.task.pinned], [["long"], true]);
});

test("large parameters that a list leaves out are loaded, and stay", () => {
  const open = openTask.opened(7, running({ params: null, params_bytes: 20000 }));
  assert.ok(openTask.needsTask(open));
  const whole = openTask.loaded(open, running({ params: { a: 1 } }), found([]), []);
  const next = openTask.withTask(whole, running({ params: null, revision: 40 }));
  assert.deepEqual([next.task.params, next.task.revision, openTask.isLacking(next)], [{ a: 1 }, 40, false]);
});

test("if frames have no rounds, later ones are loaded when the task has changed", () => {
  const open = loaded({ round: 3, revision: 20 }, rounds(1, 3));
  assert.ok(!openTask.lacksRounds(open));
  const next = openTask.withTask(open, running({ round: 5, revision: 21 }));
  assert.deepEqual([openTask.lacksRounds(next), openTask.followingAfter(next)], [true, 3]);
  const later = openTask.withLater(next, found(rounds(4, 5), 3), 21);
  assert.deepEqual([numbers(later), openTask.lacksRounds(later)], [[1, 2, 3, 4, 5], false]);
  const again = openTask.withTask(later, running({ round: 1, revision: 22 }));
  assert.equal(openTask.followingAfter(again), 0);
  assert.ok(!openTask.lacksRounds(openTask.withLater(again, null, 22)));
});

test("a job that returned nothing lacks no result", () => {
  assert.ok(!openTask.needsTask(loaded({ status: "Finished", result_bytes: 4 })));
});

test("a frame brings transitions, the task, its rounds and nothing of others", () => {
  const open = loaded({ status: "Not Started" });
  const transitions = [transition("Not Started", "Running", 11, 4)];
  const brought = { transitions, tasks: [task(8, { revision: 12 })], rounds: { 7: [round(1)], 8: [round(9)] } };
  const next = openTask.withFrame(open, frame(10, 12, brought));
  assert.deepEqual([next.task.status, numbers(next)], ["Running", [1]]);
  assert.equal(openTask.withFrame(open, frame(10, 11, { tasks: [task(8)], deleted: [9] })), open);
});

test("a deleted task stays as it was, and is not loaded again", () => {
  const open = openTask.withFrame(loaded({ percent: 40 }), frame(10, 11, { deleted: [7] }));
  assert.deepEqual([open.gone, open.task.percent, openTask.isLacking(openTask.withGap(open))], [true, 40, false]);
});

test("a task that could not be loaded is not requested again without a reason", () => {
  const failed = openTask.withOpenError(openTask.opened(7, null), "no answer");
  assert.ok(!openTask.isLacking(failed));
  assert.ok(openTask.isLacking(openTask.withGap(failed)));
});

test("interruptions reported by frames join those that the server lists", () => {
  const open = openTask.loaded(openTask.opened(7, null), running(), found([]), [{ at: at(1), resumed: at(2) }]);
  const frameOf = (...change) => frame(10, 12, { transitions: [transition(...change)] });
  const after = (known, ...change) => openTask.withFrame(known, frameOf(...change));
  const stopped = after(open, "Running", "Not Started", 11, 5);
  assert.deepEqual(stopped.interruptions, [{ at: at(1), resumed: at(2) }, { at: at(5), resumed: null }]);
  const goesOn = after(stopped, "Not Started", "Running", 12, 8);
  assert.equal(goesOn.interruptions[1].resumed, at(8));
  assert.deepEqual(openTask.withInterruptions(goesOn, stopped.interruptions).interruptions, goesOn.interruptions);
});

test("interruptions are taken from frames that are older than the task, which was requested meanwhile", () => {
  const asked = loaded({ revision: 12, status: "Running", interruptions: 1 });
  const change = [transition("Running", "Not Started", 11, 5), transition("Not Started", "Running", 12, 8)];
  const open = openTask.withFrame(asked, frame(10, 12, { transitions: change }));
  assert.deepEqual(open.interruptions, [{ at: at(5), resumed: at(8) }]);
  assert.deepEqual([open.task.status, open.task.revision], ["Running", 12]);
});

test("the start before an interruption does not resume it", () => {
  const listed = [{ at: at(5), resumed: null }];
  const open = openTask.loaded(openTask.opened(7, null), running({ revision: 12 }), found([]), listed);
  const started = frame(9, 10, { transitions: [transition("Not Started", "Running", 10, 4)] });
  assert.deepEqual(openTask.withFrame(open, started).interruptions, listed);
});

test("durations are those of the newest rounds, and the longest is named", () => {
  const open = loaded({ round: 3 }, [round(1), round(2, { seconds: 14 }), round(3, { seconds: 0.06 })]);
  assert.deepEqual(openTask.durations(open), { x: [1, 2, 3], y: [1, 14, 0.06] });
  assert.equal(openTask.durationsText(open), "median 1 s, longest 14 s (round 2)");
  assert.equal(openTask.durationsText(loaded({ round: 1 }, [round(1)])), "");
});

test("the median of an even number of values lies between the two in the middle", () => {
  assert.equal(openTask.median([4, 1, 3, 2]), 2.5);
  assert.equal(openTask.median([3, 1, 2]), 2);
});

test("a stalled task says how long it has been silent, and what is usual if that is known", () => {
  const since = new Date(NOW - 14 * 60000).toISOString();
  assert.equal(
    openTask.stalledText(running({ pace_seconds: 20 }), NOW, since),
    "stalled: no round for 14 m, usually 20 s a round",
  );
  const early = running({ pace_seconds: null, last_modified: since });
  assert.equal(openTask.stalledText(early, NOW), "stalled: no round for 14 m");
});

test("the last sign of life is the last round, or the start or resumption after it", () => {
  assert.equal(openTask.lastSign(loaded({ started: at(1), round: 9 }, rounds(8, 9))), at(9));
  assert.equal(openTask.lastSign(loaded({ started: at(1) })), at(1));
  const done = loaded({ started: at(1) }, rounds(8, 9));
  assert.equal(openTask.lastSign(openTask.withInterruptions(done, [{ at: at(10), resumed: at(11) }])), at(11));
});
