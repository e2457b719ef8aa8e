/** What must hold in all modules of the page, and what nobody would notice where it does not. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../static/js/", import.meta.url);
const files = readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".js"));
const lines = files.flatMap((name) =>
  readFileSync(new URL(name, FOLDER), "utf8").split("\n").map((text, at) => ({ name, text, place: `${name}:${at + 1}: ${text}` })),
);
const found = (holds) => lines.filter(holds).map(({ place }) => place);

test("the clock of the browser is asked in one place, for as long as the server's is not known", () => {
  assert.deepEqual(found(({ name, text }) => /Date\.now\(|new Date\(\)/.test(text) && name !== "main.js"), []);
});

test("a description of a task stands in no sentence and no element without an isolate around it", () => {
  const described = /\$\{[^}]*\bdescription\b[^}]*\}/;
  const guarded = /isolated\(|named\(|numbered\(|withCode\(|title=\$\{/;
  assert.deepEqual(found(({ text }) => described.test(text) && !guarded.test(text)), []);
});

test("durations are made into words in one place", () => {
  assert.deepEqual(found(({ name, text }) => /\$\{[^}]*\} (ms|s|min)[`"]/.test(text) && name !== "text/format.js"), []);
});
