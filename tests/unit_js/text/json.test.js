import assert from "node:assert/strict";
import { test } from "node:test";
import { readable } from "../../../static/js/text/json.js";

test("JSON for people is indented, and cut if it is too long", () => {
  assert.deepEqual(readable({ a: [1] }), { text: '{\n  "a": [\n    1\n  ]\n}', length: 22 });
  assert.equal(readable("a\u202eb גיבוי").text, '"a\\u202eb גיבוי"');
  assert.deepEqual(readable("abcdef", 3), { text: '"ab', length: 8 });
});
