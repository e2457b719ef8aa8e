import assert from "node:assert/strict";
import { test } from "node:test";
import * as api from "../../../static/js/server/api.js";

const NOTED = [];
api.onAnswer((date, revision) => NOTED.push([date, revision]));

function answering(status, body, type = "application/json") {
  const headers = { "Content-Type": type, Date: "Mon, 24 Nov 2025 12:00:00 GMT" };
  globalThis.fetch = async () => new Response(body, { status, headers });
}

async function problemOf(promise) {
  const error = await promise.then(() => null, (problem) => problem);
  assert.ok(error instanceof api.Problem);
  return [error.status, error.message];
}

test("an answer is what the server says, and notes the time and the revision", async () => {
  answering(200, '{"results": [], "next": null, "revision": 7}');
  assert.deepEqual(await api.getRounds(1, 0), { results: [], next: null });
  assert.deepEqual(NOTED.pop(), ["Mon, 24 Nov 2025 12:00:00 GMT", 7]);
});

test("a refusal is a problem in the words of the server", async () => {
  answering(429, '{"title": "Too Many Requests", "detail": "Try again in 60 s."}', "application/problem+json");
  assert.deepEqual(await problemOf(api.getTask(1)), [429, "Try again in 60 s."]);
  answering(502, "<html>Bad Gateway</html>", "text/html");
  assert.deepEqual(await problemOf(api.getTask(1)), [502, "The server answered with status 502."]);
});

test("a page of somebody in between is no answer", async () => {
  answering(200, "<html>Please accept our terms</html>", "text/html");
  const [status, message] = await problemOf(api.getTask(1));
  assert.equal(status, 200);
  assert.match(message, /answered instead/);
});

test("a server that is not there is a problem as well", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  assert.deepEqual(await problemOf(api.ask()), [0, "The server cannot be reached at the moment."]);
});
