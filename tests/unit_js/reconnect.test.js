import assert from "node:assert/strict";
import { test } from "node:test";
import { afterClose, delayBefore, eventsUrl } from "../../static/js/reconnect.js";

test("the delay doubles up to a limit, and chance keeps it between half and all of it", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 60].map((attempt) => delayBefore(attempt, 1));
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.equal(delayBefore(2, 0), 1000);
});

test("the events are asked for from where we are, on a socket as safe as the page", () => {
  assert.equal(eventsUrl("http://host:80/openattic/", 7), "ws://host/openattic/api/taskqueue/events?since=7");
  assert.equal(eventsUrl("https://host/openattic/?a#b", null), "wss://host/openattic/api/taskqueue/events");
  assert.match(eventsUrl("https://host/openattic/", 0), /since=0$/);
});

test("ended credentials lead to the sign-in, a refused handshake to a question", () => {
  assert.equal(afterClose(1008, true), "sign-in");
  assert.equal(afterClose(1001, true), "connect");
  assert.equal(afterClose(1006, true), "connect");
  assert.equal(afterClose(1006, false), "ask");
});
