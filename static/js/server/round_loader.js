/** Loads rounds of a task; only the newest if they are too large to load them all. */

import { getRounds } from "./api.js";

/** How many further answers are requested if rounds are large, since each answer then holds fewer of them. */
const MOST_FURTHER_ANSWERS = 3;

/**
 * Returns the rounds after number `after` up to about number `last`: `{ after, rounds }`. If one answer does not hold them all,
 * returns only the newest, about as many as it held, and the number `after` which they begin.
 */
export async function newestRounds(id, after, last, get = getRounds) {
  const first = await get(id, after);
  if (isEnough(first, last)) return { after, rounds: first.results };
  const from = Math.max(after, last - first.results.length);
  return { after: from, rounds: await roundsAfter(from === after ? first : await get(id, from), id, last, get) };
}

async function roundsAfter(first, id, last, get) {
  const rounds = [...first.results];
  let answer = first;
  for (let more = 0; !isEnough(answer, last) && more < MOST_FURTHER_ANSWERS; more += 1) {
    answer = await get(id, rounds.at(-1).number);
    rounds.push(...answer.results);
  }
  return rounds;
}

function isEnough({ results, next }, last) {
  return next === null || results.length === 0 || results.at(-1).number >= last;
}
