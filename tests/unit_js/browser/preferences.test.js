import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { load, onChangedElsewhere, save } from "../../../static/js/browser/preferences.js";

const KEY = "hourglass.preferences";
const DEFAULTS = { theme: "system", zone: "local", notify: false, shortcuts: true, pageSize: 50 };
const CHOSEN = { theme: "dark", zone: "utc", notify: true, shortcuts: false, pageSize: 10 };

/** A browser's storage, as far as it is used, and its window. */
function storage(items = {}) {
  return { getItem: (key) => items[key] ?? null, setItem: (key, text) => { items[key] = text; }, items };
}

function refusing() {
  const refuse = () => { throw new Error("refused"); };
  return { getItem: refuse, setItem: refuse };
}

beforeEach(() => {
  const page = new EventTarget();
  globalThis.localStorage = storage();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.dispatchEvent = page.dispatchEvent.bind(page);
  save(DEFAULTS);
});

function stored(text) {
  globalThis.localStorage = storage({ [KEY]: text });
}

function changedElsewhere(key) {
  dispatchEvent(Object.assign(new Event("storage"), { key }));
}

test("nothing chosen yet is as the system and the browser have it", () => {
  globalThis.localStorage = storage();
  assert.deepEqual(load(), DEFAULTS);
});

test("what was chosen is there on the next visit", () => {
  save(CHOSEN);
  assert.deepEqual(load(), CHOSEN);
  assert.deepEqual(JSON.parse(localStorage.items[KEY]), CHOSEN);
});

test("garbage in the store is as if nothing had been chosen", () => {
  const wrong = '{"theme": "pink", "zone": 3, "notify": "yes", "shortcuts": 0, "pageSize": 1000}';
  for (const text of ["{", "null", "7", '"dark"', "[]", wrong]) {
    stored(text);
    assert.deepEqual(load(), DEFAULTS, text);
  }
});

test("what is understood is taken, and what is not known is left out", () => {
  stored('{"theme": "dark", "pageSize": 7, "colour": "red"}');
  assert.deepEqual(load(), { ...DEFAULTS, theme: "dark" });
});

test("if nothing can be stored, the choice holds until the page is left", () => {
  globalThis.localStorage = refusing();
  assert.deepEqual(load(), DEFAULTS);
  save(CHOSEN);
  assert.deepEqual(load(), CHOSEN);
});

test("choosing a theme fires an event on the page", () => {
  const told = [];
  addEventListener("hourglass:theme", ({ detail }) => told.push(detail));
  save(CHOSEN);
  assert.deepEqual(told, ["dark"]);
});

test("choices made in another window are reported, and other stores are ignored", () => {
  const told = [];
  onChangedElsewhere((preferences) => told.push(preferences));
  stored(JSON.stringify(CHOSEN));
  changedElsewhere("hourglass.failures-seen.s");
  changedElsewhere(KEY);
  globalThis.localStorage = storage();
  changedElsewhere(null);
  assert.deepEqual(told, [CHOSEN, DEFAULTS]);
});
