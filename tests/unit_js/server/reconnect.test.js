import assert from "node:assert/strict";
import { test } from "node:test";
import { afterEnd, delayBefore, delayBeforeProbe, eventsUrl, failuresAfter, isHopeless } from "../../../static/js/server/reconnect.js";

test("the delay doubles up to a limit, and chance keeps it between half and all of it", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 60].map((attempt) => delayBefore(attempt, 1));
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.equal(delayBefore(2, 0), 1000);
});

test("the events are requested from the present revision, on a socket as secure as the page", () => {
  assert.equal(eventsUrl("http://host:80/openattic/", 7), "ws://host/openattic/api/taskqueue/events?since=7");
  assert.equal(eventsUrl("https://host/openattic/?a#b", null), "wss://host/openattic/api/taskqueue/events");
  assert.match(eventsUrl("https://host/openattic/", 0), /since=0$/);
});

test("ended credentials lead to the sign-in, a refused handshake to a question", () => {
  assert.equal(afterEnd({ code: 1008, wasHeard: true }), "sign-in");
  assert.equal(afterEnd({ code: 1001, wasHeard: true }), "connect");
  assert.equal(afterEnd({ code: 0, wasHeard: true }), "connect");
  assert.equal(afterEnd({ code: 1006, wasHeard: false }), "ask");
});

const REFUSED = { wasHeard: false, isSilent: false, wasLong: false };
const CUT = { wasHeard: true, isSilent: false, wasLong: false };
const after = (...ends) => ends.reduce((failures, end) => failuresAfter(failures, end, false), 0);

test("a few handshakes that are refused, or one that hangs, and it is done without", () => {
  assert.ok(!isHopeless(after(REFUSED, REFUSED)));
  assert.ok(isHopeless(after(REFUSED, REFUSED, REFUSED)));
  const hangs = { ...REFUSED, isSilent: true };
  assert.ok(isHopeless(after(hangs)));
  assert.ok(!isHopeless(failuresAfter(failuresAfter(0, hangs, true), hangs, true)));
});

test("sockets that begin well and fall silent each time are done without, too", () => {
  const silent = { ...CUT, isSilent: true };
  assert.ok(isHopeless(after(silent, silent, silent)));
  assert.ok(!isHopeless(after(silent, silent, { ...silent, wasLong: true }, silent)));
});

test("a connection that is cut from time to time is opened again for ever", () => {
  assert.equal(after(REFUSED, REFUSED, CUT), 0);
  assert.ok(!isHopeless(after(...Array.from({ length: 99 }, () => CUT))));
});

test("a WebSocket is tried again after half a minute, and then ever more rarely up to a limit", () => {
  const delays = [0, 1, 2, 3, 4, 20].map((probe) => delayBeforeProbe(probe, false, 0) / 60000);
  assert.deepEqual([0, 1].map((probe) => delayBeforeProbe(probe, true, 0)), [5000, 10000]);
  assert.deepEqual(delays, [0.5, 1, 2, 4, 8, 10]);
});
