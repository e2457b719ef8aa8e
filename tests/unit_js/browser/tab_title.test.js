import assert from "node:assert/strict";
import { test } from "node:test";
import { pageTitle } from "../../../static/js/browser/tab_title.js";

test("the title counts what is pending and what failed, before the name of what is open", () => {
  assert.equal(pageTitle(0, 0), "Hourglass");
  assert.equal(pageTitle(3, 0), "(3) Hourglass");
  assert.equal(pageTitle(3, 2), "(3, 2 failed) Hourglass");
  assert.equal(pageTitle(0, 1), "(1 failed) Hourglass");
  assert.equal(pageTitle(1, 0, "Test task of 5 rounds · Hourglass"), "(1) Test task of 5 rounds · Hourglass");
});
