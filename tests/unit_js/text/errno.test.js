import assert from "node:assert/strict";
import { test } from "node:test";
import { errorText } from "../../../static/js/text/errno.js";

test("the words of the cluster come with number and name of the error, once", () => {
  assert.equal(errorText({ errno: 2, text: "no such object" }), "no such object (errno 2, ENOENT)");
  assert.equal(errorText({ errno: 4711, text: "odd" }), "odd (errno 4711)");
  assert.equal(errorText({ errno: 0, text: "odd" }), "odd");
  assert.equal(errorText({ errno: 5, text: "[errno 5] RADOS I/O error" }), "[errno 5] RADOS I/O error");
});
