/** Fields whose values can be chosen: what is asked for, what is sent, and what people see. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as choosing from "../../../../static/js/state/tasks/choosing.js";
import * as form from "../../../../static/js/state/tasks/job_form.js";
import { fieldsOf } from "../../../../static/js/state/tasks/schema_fields.js";

const URL_OF = (name) => `/openattic/api/jobs/choices?job=clean&parameter=${name}`;
const from = (name, needs = []) => ({ "x-choices": { url: URL_OF(name), needs } });
const JOB = {
  job: "clean",
  available: true,
  parameters: {
    type: "object",
    properties: {
      house: { type: "string", minLength: 1, title: "House", ...from("house") },
      rooms: { type: "array", items: { type: "string" }, default: [], ...from("rooms", ["house"]) },
      pool: { anyOf: [{ type: "integer" }, { type: "string" }], ...from("pool") },
      floor: { type: "integer", default: 0, ...from("floor") },
      plain: { type: "string", default: "" },
    },
    required: ["house", "pool"],
  },
};
const FIELDS = Object.fromEntries(fieldsOf(JOB.parameters).map((field) => [field.name, field]));
const { house, rooms, pool, floor, plain } = FIELDS;
const MARKET = { value: "h-2", name: "Am Markt", detail: "house h-2" };

function opened(params = null) {
  return form.startOpened([JOB], "clean", params && { id: 1, job: "clean", params });
}

function found(start, results, count = results.length, error = "") {
  return choosing.choicesFound(start, [JOB], choosing.choicesWanted(start, [JOB]), { results, count }, error);
}

/** With these choices open, of which none has been chosen. */
function offering(start, field, ...results) {
  return found(choosing.choicesOpened(start, field), results);
}

function sent(start) {
  return form.submission(JOB, start, "utc").params;
}

function textOf(start, field) {
  return choosing.choicesText(start, [JOB], Object.values(FIELDS), field);
}

test("a field offers choices if its schema says so, and a job without them has the fields that it had", () => {
  assert.deepEqual([house, rooms, pool, floor, plain].map((one) => choosing.isChoosable(one, opened())), [true, true, true, true, false]);
  assert.equal(plain.offers, null);
});

test("nothing is requested while no field is open", () => {
  assert.equal(choosing.choicesWanted(opened(), [JOB]), null);
  assert.equal(choosing.choicesWanted(null, [JOB]), null);
  assert.equal(choosing.choicesWanted(choosing.choicesClosed(choosing.choicesOpened(opened(), house)), [JOB]), null);
});

test("what is typed is searched for, and the values that choices depend on are sent with it", () => {
  const typed = choosing.choiceTyped(form.valueSet(opened(), "house", "h 1&x"), rooms, " a/b ");

  assert.equal(choosing.choicesWanted(typed, [JOB]), `${URL_OF("rooms")}&pageSize=50&search=a%2Fb&house=h+1%26x`);
});

test("choices are not requested until the fields they depend on are filled in, and a sentence names these", () => {
  const start = choosing.choicesOpened(opened(), rooms);

  assert.equal(choosing.choicesWanted(start, [JOB]), null);
  assert.equal(textOf(start, rooms), "First choose: House.");
});

test("a choice is shown by its name and sent as its value", () => {
  const start = choosing.choiceMade(offering(opened(), house, MARKET), house, MARKET);

  assert.equal(choosing.shownChoice(start, house), "Am Markt");
  assert.equal(choosing.sentChoice(start, house), "h-2");
  assert.equal(sent(start).house, "h-2");
  assert.equal(start.choosing, null);
});

test("what is typed is the value, whatever is offered", () => {
  const start = choosing.choicesLeft(choosing.choiceTyped(offering(opened(), house, MARKET), house, "elsewhere"), house);

  assert.equal(choosing.shownChoice(start, house), "elsewhere");
  assert.equal(choosing.sentChoice(start, house), "");
  assert.equal(sent(start).house, "elsewhere");
});

test("typing the whole name of a choice chooses it, unless two have that name", () => {
  const typed = (...results) => choosing.choicesLeft(found(choosing.choiceTyped(opened(), house, "Am Markt"), results), house);

  assert.equal(sent(typed(MARKET)).house, "h-2");
  assert.equal(sent(typed(MARKET, { ...MARKET, value: "h-4" })).house, "Am Markt");
});

test("a value that is also somebody else's name stays the value", () => {
  const start = found(choosing.choiceTyped(opened(), house, "h-2"), [MARKET, { value: "h-9", name: "h-2", detail: "" }]);

  assert.equal(sent(choosing.choicesLeft(start, house)).house, "h-2");
});

test("a changed name is free text again", () => {
  const chosen = choosing.choiceMade(offering(opened(), house, MARKET), house, MARKET);

  assert.equal(sent(choosing.choiceTyped(chosen, house, "Am Mark")).house, "Am Mark");
});

test("an answer to an earlier question changes nothing", () => {
  const before = choosing.choiceTyped(opened(), house, "a");
  const url = choosing.choicesWanted(before, [JOB]);
  const after = choosing.choiceTyped(before, house, "ab");

  assert.equal(choosing.choicesFound(after, [JOB], url, { results: [MARKET], count: 1 }), after);
});

test("the name of what a task had is shown once it is among what was found", () => {
  const start = opened({ house: "h-2", pool: 5 });

  assert.equal(choosing.shownChoice(start, house), "h-2");
  assert.equal(choosing.shownChoice(offering(start, house, MARKET), house), "Am Markt");
});

test("the choices of a list are items, and choosing one again removes it", () => {
  const [one, other] = [{ value: "h:1", name: "one" }, { value: "h:2", name: "two\nlines" }];
  let start = offering(form.valueSet(opened(), "house", "h"), rooms, one, other);
  start = choosing.choiceMade(choosing.choiceMade(start, rooms, one), rooms, other);
  assert.deepEqual(sent(start).rooms, ["h:1", "h:2"]);
  assert.deepEqual(choosing.shownItems(start, rooms), ["one", "two\nlines"]);
  assert.ok(choosing.isChosen(start, rooms, one));
  assert.equal(start.choosing.field, "rooms");

  start = choosing.choiceMade(start, rooms, one);
  assert.deepEqual(sent(start).rooms, ["h:2"]);
  assert.deepEqual(sent(choosing.itemRemoved(start, rooms, 0)).rooms, undefined);
});

test("what stands in the field of a list is an item, added or not", () => {
  const typed = choosing.choiceTyped(form.valueSet(opened(), "rooms", "a"), rooms, "b/c");

  assert.deepEqual(sent(typed).rooms, ["a", "b/c"]);
  assert.deepEqual(sent(choosing.typedAdded(typed, rooms)).rooms, ["a", "b/c"]);
  assert.equal(choosing.shownChoice(choosing.typedAdded(typed, rooms), rooms), "");
});

test("a whole name that was typed for a list adds the choice, and never takes one away", () => {
  const start = form.valueSet(opened(), "house", "h");
  const typed = (before) => found(choosing.choiceTyped(before, rooms, "Am Markt"), [MARKET]);
  const added = choosing.typedAdded(typed(start), rooms);

  assert.deepEqual(sent(added).rooms, ["h-2"]);
  assert.deepEqual(sent(choosing.typedAdded(typed(added), rooms)).rooms, ["h-2"]);
});

test("pasted lines are items each, and items with line breaks or brackets stay what they are", () => {
  const start = choosing.linesAdded(opened(), rooms, ["[a]", "", "b", "c d"]);
  const odd = choosing.choiceMade(choosing.choicesOpened(start, rooms), rooms, { value: "two\nlines", name: "x" });

  assert.deepEqual(sent(start).rooms, ["[a]", "b", "c d"]);
  assert.deepEqual(sent(odd).rooms, ["[a]", "b", "c d", "two\nlines"]);
});

test("a list that is very long is written as text, as before", () => {
  const start = form.valueSet(opened(), "rooms", Array.from({ length: 201 }, (_, at) => `room ${at}`).join("\n"));

  assert.equal(choosing.isChoosable(rooms, start), false);
});

test("numbers that are chosen or typed are numbers", () => {
  assert.equal(sent(choosing.choiceMade(opened(), floor, { value: 3, name: "3" })).floor, 3);
  assert.equal(sent(choosing.choiceTyped(opened(), floor, "12")).floor, 12);
});

test("in a field for a name or a number, typed digits are a number and a chosen name stays a name", () => {
  assert.equal(sent(choosing.choiceTyped(opened(), pool, "12")).pool, 12);
  assert.equal(sent(choosing.choiceTyped(opened(), pool, "rbd")).pool, "rbd");
  assert.equal(sent(choosing.choiceMade(opened(), pool, { value: "12", name: "12" })).pool, "12");
  assert.equal(sent(opened({ house: "h", pool: "12" })).pool, "12");
  assert.equal(sent(opened({ house: "h", pool: 12 })).pool, 12);
});

test("the keys go round and round", () => {
  let start = offering(opened(), house, MARKET, { value: "h-1", name: "Lindenhof" });
  const places = [1, 1, 1, -1, -1].map((step) => (start = choosing.choiceMoved(start, step)).choosing.at);

  assert.deepEqual(places, [0, 1, 0, 1, 0]);
  assert.equal(choosing.choiceMoved(offering(opened(), house, MARKET, MARKET), -1).choosing.at, 1);
  assert.equal(choosing.choiceMoved(offering(opened(), house), 1).choosing.at, -1);
});

test("what the keys point at stays, wherever it is in a later answer, as long as it is there", () => {
  const other = { value: "h-1", name: "Lindenhof" };
  const pointing = choosing.choiceMoved(offering(opened(), house, MARKET), 1);
  const again = choosing.choicesOpened(pointing, house, "a");

  assert.equal(found({ ...again, choosing: { ...again.choosing, at: 0 } }, [other, MARKET]).choosing.at, 1);
  assert.equal(found({ ...again, choosing: { ...again.choosing, at: 0 } }, [other]).choosing.at, -1);
});

test("a sentence says how many choices there are, or why there are none", () => {
  const start = choosing.choicesOpened(opened(), house);

  assert.equal(textOf(start, house), "Searching…");
  assert.equal(textOf(found(start, [MARKET]), house), "1 to choose from.");
  assert.equal(textOf(found(start, [MARKET], 2006), house), "The first 1 of 2,006: type to find others.");
  assert.equal(textOf(found(start, []), house), "There is nothing to choose from.");
  assert.match(textOf(found(choosing.choiceTyped(start, house, "x"), []), house), /^Nothing matches\. .*used as it is/);
  assert.match(textOf(found(start, [], 0, "No mon answered."), house), /^No mon answered\. .*used as it is/);
});

test("another job begins without the choices of the one before", () => {
  const start = choosing.choiceMade(offering(opened(), house, MARKET), house, MARKET);
  const other = form.jobChosen(choosing.choicesOpened(start, house), [JOB, { ...JOB, job: "other" }], "other");

  assert.deepEqual([other.choosing, other.known, other.typed], [null, {}, {}]);
});

test("words of the author are the hint, in place of a pattern, wherever they stand", () => {
  const schema = (own) => ({ properties: { path: own }, required: ["path"] });
  const words = { "x-words": "an image of a pool, like rbd/disk1", "x-expected": "an image of a pool, like rbd/disk1" };
  const path = { type: "string", pattern: "^[^/]+/[^/]+$", ...words };
  const hints = [path, { type: "array", items: path, "x-expected": `a list, each item ${words["x-words"]}` }, { anyOf: [path, { type: "null" }], ...words }];

  assert.deepEqual(hints.map((own) => fieldsOf(schema(own))[0].hint), [
    "an image of a pool, like rbd/disk1",
    "a list, each item an image of a pool, like rbd/disk1",
    "an image of a pool, like rbd/disk1",
  ]);
});
