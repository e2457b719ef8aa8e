import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { HOME, addressOf, atView, isAtView, placeFrom, viewAt } from "../../../static/js/state/place.js";
import { VIEWS } from "../../../static/js/state/views.js";

test("each view says what it needs of the server and how it is drawn", () => {
  const inFull = readFileSync(new URL("../../../static/js/views.js", import.meta.url), "utf8");
  const names = [...inFull.matchAll(/^ {2}(\w+): \{ needs: \[.+\], view: \w+ \},$/gm)].map(([, name]) => name);
  assert.deepEqual(names, VIEWS.map(({ name }) => name));
});

test("each view has an address that leads to it", () => {
  for (const view of VIEWS) {
    const place = view.place === null ? HOME : { ...HOME, view: atView(view.name) };
    const found = placeFrom(addressOf(place).split("?")[1] ?? "");
    assert.deepEqual([found, viewAt(found)], [place, view]);
    assert.deepEqual(VIEWS.filter(({ name }) => isAtView(found, name)), [view]);
  }
});

test("a view is sorted by something that it can be sorted by", () => {
  for (const { name, place } of VIEWS) assert.ok(place === null || place.orderings.includes(place.ordering), name);
});
