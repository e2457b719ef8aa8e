import assert from "node:assert/strict";
import { test } from "node:test";
import { newestRounds } from "../../../static/js/server/round_loader.js";

/** A server whose answers hold so many rounds of `last`; `asked` are the numbers after which it was asked. */
function server(last, most) {
  const asked = [];
  const get = async (id, after) => {
    asked.push(after);
    const rounds = Array.from({ length: Math.min(most, last - after) }, (_, at) => ({ number: after + at + 1 }));
    return { results: rounds, next: after + rounds.length < last ? "more" : null };
  };
  return { asked, get };
}

const numbers = ({ rounds }) => [rounds[0].number, rounds.at(-1).number, rounds.length];

test("small rounds come in one answer", async () => {
  const { asked, get } = server(350, 1000);
  assert.deepEqual(numbers(await newestRounds(7, 150, 350, get)), [151, 350, 200]);
  assert.deepEqual(asked, [150]);
});

test("of large ones the newest come, about as many as an answer holds", async () => {
  const { asked, get } = server(350, 4);
  const found = await newestRounds(7, 150, 350, get);
  assert.deepEqual([found.after, ...numbers(found)], [346, 347, 350, 4]);
  assert.deepEqual(asked, [150, 346]);
});

test("an answer that does not reach far enough is followed by a few more requests", async () => {
  const { asked, get } = server(12, 5);
  assert.deepEqual(numbers(await newestRounds(7, 0, 12, get)), [8, 12, 5]);
  const all = server(30, 5);
  assert.equal((await newestRounds(7, 10, 12, all.get)).rounds.length, 5);
  const behind = server(30, 2);
  const found = await newestRounds(7, 0, 9, behind.get);
  assert.deepEqual([found.after, found.rounds.at(-1).number], [7, 9]);
  assert.deepEqual([asked, behind.asked], [[0, 7], [0, 7]]);
});

test("a task without rounds has none", async () => {
  assert.deepEqual(await newestRounds(7, 0, 0, server(0, 5).get), { after: 0, rounds: [] });
});
