import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { startPolling } from "../../../static/js/server/polling.js";

const NOTHING = { counts: {}, pending_percent: 0 };
const changes = (since, revision) => ({ type: "changes", since, revision, ...NOTHING });

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

/** A server that answers each request as `answers` say, one after the other, and then no more. */
function begin(since, ...answers) {
  const polled = [];
  const told = [];
  let revision = since;
  const poll = (from, wait, signal) => {
    polled.push([from, wait]);
    const answer = answers.shift();
    if (answer === undefined) return new Promise((_, reject) => signal.addEventListener("abort", () => reject({ status: 0 })));
    return answer.status ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const polling = startPolling({
    since: () => revision,
    ask: async () => ({ store: "s", revision: 40 }),
    poll,
    onFrame: (frame) => {
      revision = frame.revision;
      told.push([frame.type, frame.revision]);
    },
    onEnd: (problem) => told.push(["end", problem.status]),
  });
  return { polling, polled, told };
}

async function pass(seconds) {
  for (let step = 0; step < Math.max(1, seconds * 4); step += 1) {
    for (let turn = 0; turn < 20; turn += 1) await null;
    if (seconds > 0) mock.timers.tick(250);
  }
}

test("it begins as a socket does, and continues with requests that wait", async () => {
  const { polled, told } = begin(null, changes(40, 40), changes(40, 41), changes(41, 42));
  await pass(1);
  assert.deepEqual(told.slice(0, 3), [["hello", 40], ["changes", 40], ["changes", 41]]);
  assert.deepEqual(polled, [[40, 0], [40, 25], [41, 25], [42, 25]]);
});

test("a page that has a revision continues from it", async () => {
  const { polled, told } = begin(38, changes(38, 40));
  await pass(0);
  assert.deepEqual(told, [["hello", 38], ["changes", 40]]);
  assert.deepEqual(polled[0], [38, 0]);
});

test("if the history is gone, it begins where the server says, without waiting", async () => {
  const { polled, told } = begin(5, { type: "resync", revision: 40 }, changes(40, 40), { type: "resync", revision: 50 });
  await pass(1);
  assert.deepEqual(told, [["hello", 40], ["changes", 40], ["resync", 50]]);
  assert.deepEqual(polled, [[5, 0], [40, 0], [40, 25], [50, 0]]);
});

test("if too many requests wait already, it polls without waiting, and not often", async () => {
  const { polled, told } = begin(40, changes(40, 40), { status: 429 }, changes(40, 41));
  await pass(2);
  assert.deepEqual(polled, [[40, 0], [40, 25]]);
  await pass(5);
  assert.deepEqual(polled.slice(2), [[40, 0], [41, 25]]);
  assert.deepEqual(told.at(-1), ["changes", 41]);
});

test("an answer that comes at once with nothing in it is no reason to hurry", async () => {
  const { polled } = begin(40, ...Array.from({ length: 50 }, () => changes(40, 40)));
  await pass(20);
  assert.ok(polled.length < 9, `${polled.length} requests`);
});

test("any other refusal ends it, and so does a request that is never answered", async () => {
  const refused = begin(40, changes(40, 40), { status: 503 }, { status: 503 });
  await pass(10);
  assert.deepEqual(refused.told.at(-1), ["end", 503]);
  const silent = begin(40, changes(40, 40), changes(40, 41));
  await pass(40);
  assert.deepEqual(silent.told.at(-1), ["end", 0]);
});

test("nothing is reported after it is closed", async () => {
  const { polling, told } = begin(40, changes(40, 40));
  await pass(0);
  polling.close();
  await pass(60);
  assert.deepEqual(told.at(-1), ["changes", 40]);
});
