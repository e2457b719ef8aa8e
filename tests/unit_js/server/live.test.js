import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { follow } from "../../../static/js/server/live.js";

/** What the page asks of its browser and its server, and what it told. */
let sockets;
let asked;
let told;
let revision;
let current;
let now;
let listeners;

class Socket {
  static OPEN = 1;

  constructor() {
    this.isClosed = false;
    sockets.push(this);
  }

  close() {
    this.isClosed = true;
  }

  says(frame) {
    if (frame.revision !== undefined) revision = frame.revision;
    this.onmessage({ data: JSON.stringify(frame) });
  }

  ends(code = 1006) {
    this.onclose({ code });
  }
}

const HELLO = { type: "hello", revision: 10 };
const ALIVE = { type: "alive", revision: 10 };

beforeEach(() => {
  [sockets, asked, told, revision, now] = [[], [], [], null, 0];
  listeners = {};
  const listening = { addEventListener: (name, listener) => (listeners[name] = listener), removeEventListener: () => {} };
  Object.assign(globalThis, listening, { WebSocket: Socket, location: { href: "http://h/openattic/" } });
  globalThis.document = { hidden: false, ...listening };
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 1);
  mock.method(performance, "now", () => now);
});

function begin(isHopeless = false) {
  const tell = (what) => (...values) => told.push([what, ...values]);
  const ask = async () => (asked.push("ask"), { store: "s", revision: 10 });
  const poll = async (since, wait) => {
    asked.push("poll");
    if (wait > 0) return new Promise(() => {});
    return { type: "changes", since, revision: since, counts: {}, pending_percent: 0 };
  };
  current = follow({
    since: () => revision,
    ask,
    poll,
    isHopeless,
    onHopeless: tell("hopeless"),
    onMessage: (frame) => {
      if (frame.way === "polling") told.push(["polling"]);
      revision = frame.revision;
    },
    onLost: tell("lost"),
    onAttemptFailed: tell("failed"),
    onSignedOut: tell("signed out"),
  });
  return current;
}

/** Lets time pass in small steps, and promises be kept between them. */
async function pass(seconds) {
  for (let step = 0; step < seconds * 4; step += 1) {
    now += 250;
    mock.timers.tick(250);
    for (let turn = 0; turn < 10; turn += 1) await null;
  }
}

test("while frames arrive, the page makes no other requests and opens no other connection", async () => {
  begin();
  sockets[0].says(HELLO);
  for (let time = 0; time < 8; time += 1) {
    await pass(25);
    sockets[0].says(ALIVE);
  }
  assert.deepEqual([sockets.length, asked, told], [1, [], []]);
});

test("after half a minute of silence another socket takes its place, of which nobody hears", async () => {
  begin();
  sockets[0].says(HELLO);
  await pass(31);
  assert.deepEqual([sockets.length, sockets[0].isClosed], [2, true]);
  sockets[1].says(HELLO);
  await pass(10);
  assert.deepEqual([asked, told], [[], []]);
});

test("a connection that does not come back soon is reported, with the time when it was lost", async () => {
  begin();
  sockets[0].says(HELLO);
  sockets[0].ends();
  await pass(2);
  assert.deepEqual([sockets.length, told], [2, []]);
  await pass(2);
  assert.deepEqual(told, [["lost", false, 3000]]);
});

test("after a silence, the data is as old as the last frame", async () => {
  begin();
  sockets[0].says(HELLO);
  await pass(10);
  sockets[0].says(ALIVE);
  await pass(34);
  assert.deepEqual(told, [["lost", false, 33000]]);
});

test("a server that stops is reported at once", () => {
  begin();
  sockets[0].says(HELLO);
  sockets[0].ends(1001);
  assert.deepEqual(told, [["lost", true, 0]]);
});

test("an answer that knows more than the socket has brought in five seconds ends it", async () => {
  begin().noticed(11);
  sockets[0].says(HELLO);
  current.noticed(11);
  await pass(4);
  assert.equal(sockets[0].isClosed, false);
  await pass(2);
  assert.deepEqual([sockets[0].isClosed, sockets.length], [true, 2]);
});

test("an answer whose changes come soon ends nothing", async () => {
  begin();
  sockets[0].says(HELLO);
  current.noticed(11);
  await pass(4);
  sockets[0].says({ type: "changes", revision: 11 });
  await pass(20);
  assert.deepEqual([sockets[0].isClosed, sockets.length], [false, 1]);
});

test("handshakes that hang are given up for polling, also while answers know more", async () => {
  begin();
  sockets[0].says(HELLO);
  sockets[0].ends();
  for (let time = 0; time < 32; time += 1) {
    current.noticed(20 + time);
    await pass(1);
  }
  assert.equal(sockets.length, 4);
  assert.deepEqual(told.filter(([what]) => what !== "lost" && what !== "failed"), [["hopeless", true], ["polling"]]);
  await pass(6);
  sockets[4].says(HELLO);
  sockets[5].says(HELLO);
  assert.deepEqual(told.at(-1), ["hopeless", false]);
});

test("if no socket has worked yet, the first handshake that hangs is enough", async () => {
  begin();
  await pass(10);
  assert.deepEqual([sockets.length, told.at(-1)], [1, ["polling"]]);
});

test("handshakes that are refused are tried three times, and the server asked in between", async () => {
  begin();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    sockets.at(-1).ends();
    await pass(3);
  }
  assert.equal(sockets.length, 3);
  assert.deepEqual(asked.slice(0, 4), ["ask", "ask", "ask", "ask"]);
  assert.deepEqual(told.slice(-2), [["hopeless", true], ["polling"]]);
});

test("beside polling a socket is tried now and then, and used once a frame has come", async () => {
  begin(true);
  await pass(30);
  assert.equal(sockets.length, 0);
  await pass(10);
  sockets[0].ends();
  await pass(80);
  assert.equal(sockets.length, 2);
  sockets[1].says(HELLO);
  assert.equal(sockets.length, 3);
  sockets[2].says(HELLO);
  await pass(20);
  assert.deepEqual([sockets[1].isClosed, sockets[2].isClosed], [true, false]);
  assert.deepEqual(told, [["polling"], ["hopeless", false]]);
});

test("a socket that has been silent for too long is replaced at once when the page becomes visible", async () => {
  begin();
  sockets[0].says(HELLO);
  listeners.visibilitychange();
  assert.equal(sockets[0].isClosed, false);
  now += 40000;
  listeners.visibilitychange();
  assert.equal(sockets[0].isClosed, true);
  listeners.online();
  assert.equal(sockets.length, 2);
});

test("the loss of the network is reported at once", () => {
  begin();
  sockets[0].says(HELLO);
  listeners.offline();
  assert.deepEqual([sockets[0].isClosed, told], [true, [["lost", false, 0]]]);
});

test("anything that is not a frame ends the socket, and another one is opened", async () => {
  begin();
  sockets[0].says(HELLO);
  sockets[0].onmessage({ data: "<html>" });
  await pass(1);
  assert.deepEqual([sockets[0].isClosed, sockets.length, told], [true, 2, []]);
});

test("what is stopped stays stopped", async () => {
  begin();
  sockets[0].says(HELLO);
  sockets[0].ends();
  current.stop();
  await pass(60);
  assert.deepEqual([sockets.length, told], [1, []]);
});
