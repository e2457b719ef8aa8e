import assert from "node:assert/strict";
import { test } from "node:test";
import * as paged from "../../../static/js/state/paged_list.js";

const QUERY = { search: "", page: 1, size: 25 };
const asked = (query = QUERY) => paged.loadBegan(paged.unanswered(query, { rows: [] }), { number: 1 });
const answered = (rows, { query = QUERY, count = rows.length } = {}) => paged.answeredWith(asked(query), { rows, count });

test("a list asks for another query once, and shows its rows until those are there", () => {
  const list = answered([1]);
  assert.equal(paged.asking(list, { ...QUERY }), list);
  const other = paged.asking(list, { ...QUERY, search: "disk" });
  assert.deepEqual([other.rows, other.isStale, paged.isAnswered(other)], [[1], true, false]);
  assert.equal(paged.isAnswered(list), true);
});

test("only the answer to the last request is expected", () => {
  const again = paged.loadBegan(asked(), { number: 2 });
  assert.deepEqual([1, 2].map((number) => paged.isExpected(again, number)), [false, true]);
  assert.equal(paged.isExpected(null, 1), false);
  assert.equal(paged.loadFailed(again, 1, "no"), again);
});

test("the reason why the server refused a search is shown at its field, any other failure above the rows", () => {
  const errors = { search: ["too long", "too odd"] };
  const refused = paged.loadFailed(asked(), 1, "One mistake.", errors);
  assert.deepEqual([refused.searchError, refused.error, refused.loading], ["too long too odd", "", null]);
  const failed = paged.loadFailed(asked(), 1, "No answer.");
  assert.deepEqual([failed.searchError, failed.error], ["", "No answer."]);
  assert.deepEqual([paged.retried(failed).error, paged.retried(failed).isStale], ["", true]);
  assert.equal(paged.retried(refused), refused);
  assert.equal(paged.answeredWith(failed, {}).error, "");
});

test("a page past the end gives way to the last one", () => {
  const beyond = { ...QUERY, page: 9 };
  const instead = (rows, about) => paged.pageInstead(answered(rows, about), rows);
  assert.equal(instead([], { query: beyond, count: 60 }), 3);
  assert.equal(instead([], { query: beyond, count: 0 }), 1);
  assert.equal(instead([], { count: 0 }), null);
  assert.equal(instead([1], { query: beyond, count: 60 }), null);
  assert.equal(paged.pageInstead(paged.asking(answered([], { count: 60 }), beyond), []), null);
});
