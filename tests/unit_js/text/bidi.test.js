import assert from "node:assert/strict";
import { test } from "node:test";
import { balanced, isolated } from "../../../static/js/text/bidi.js";
import * as words from "../../../static/js/text/sentences.js";
import { task } from "../support.js";

const [RLO, PDF, LRI, FSI, PDI] = ["\u202e", "\u202c", "\u2066", "\u2068", "\u2069"];

test("text that turns nothing stays as it is", () => {
  for (const text of ["", "Counting to 5", "每日备份任务", "Überprüfung – 100 %", "🙂"]) assert.equal(isolated(text), text);
});

test("text from right to left, or that turns the direction, is within an isolate", () => {
  for (const text of ["גיבוי", "نسخ", `a${RLO}txt.exe`, "a\u200fb", "\u{1e900}"]) assert.equal(isolated(text), FSI + text + PDI);
});

test("nothing in it ends the isolate or reaches beyond it", () => {
  assert.equal(isolated(`a${PDI}${RLO}b`), `${FSI}a${RLO}b${PDI}`);
  assert.equal(isolated(`a${LRI}b`), `${FSI}a${LRI}b${PDI}${PDI}`);
  assert.equal(isolated(`${LRI}a${PDI}${PDI}`), `${FSI}${LRI}a${PDI}${PDI}`);
  assert.equal(balanced(`${RLO}a${PDF}b\u2029c`), `${RLO}a${PDF}b c`);
});

test("sentences about tasks keep their order whatever the tasks are called", () => {
  const name = `${RLO}evil`;
  const own = `${FSI}${name}${PDI}`;
  const hebrew = task(17, { description: name, status: "Finished" });
  assert.ok(words.deleteSentence([hebrew]).startsWith(`You are about to delete ${own} task which is Finished`));
  assert.equal(words.endedTitle("Finished", 1, [name]), `${own} finished`);
  assert.equal(words.endedNames(3, [name, "b", "c"]), `${own}, b (+1 more)`);
  assert.equal(words.reportSentence(hebrew, { id: 17, outcome: "missing" }), `${own} had already been deleted`);
  assert.equal(words.notFoundText("failed", name), `No failed task matches “${own}”.`);
  assert.equal(words.numbered(hebrew), `${own} #17`);
});
