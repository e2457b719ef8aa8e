import assert from "node:assert/strict";
import { test } from "node:test";
import { iconHref } from "../../../static/js/browser/tab_icon.js";

const drawing = (...counts) => decodeURIComponent(iconHref(...counts).replace("data:image/svg+xml,", ""));
const badge = (...counts) => drawing(...counts).match(/>([^<>]+)<\/text>/)[1];
const colour = (...counts) => drawing(...counts).match(/fill="(#\w+)"\/>\s*<text/)[1];

test("the icon is the plain one if there is nothing to count", () => {
  assert.equal(iconHref(0, 0), "/openattic/static/img/hourglass.svg");
});

test("the badge counts what is pending, and what failed before it in another colour", () => {
  assert.equal(badge(3, 0), "3");
  assert.equal(badge(3, 2), "2");
  assert.equal(colour(0, 2), colour(3, 1));
  assert.notEqual(colour(3, 0), colour(3, 1));
});

test("a badge has room for three characters", () => {
  assert.deepEqual([9, 10, 99, 100, 5000].map((count) => badge(count, 0)), ["9", "10", "99", "99+", "99+"]);
});
