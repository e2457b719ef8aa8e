/** Follows the server's changes by requests that wait for some, if no WebSocket gets through. */

/** Shorter than what proxies usually let a request wait. */
const WAIT_SECONDS = 25;
/** Between two answers, so that a busy server is not asked for each change. */
const SHORTEST_PAUSE = 250;
/** After an answer that came at once without any changes, or if the server does not let us wait. */
const LONG_PAUSE = 5000;
/** How long an answer may take beyond the time that it was asked to wait. */
const PATIENCE_MILLISECONDS = 10000;
const TOO_MANY = [429, 503];

/**
 * Begins, and returns `send`, which does nothing, and `close`.
 *
 * `since()` says after which revision to continue (null: from the present). `ask()` answers with `store` and `revision`,
 * `poll(since, waitSeconds, signal)` with a frame `changes` or `resync`; both reject with a Problem. Called are
 * `onFrame(frame)`, of which the first is a `hello` that is made here, and `onEnd(problem)` if polling ends.
 */
export function startPolling({ since, ask, poll, onFrame, onEnd }) {
  let isOver = false;
  let request = null;

  async function run() {
    try {
      await begin();
      let wait = WAIT_SECONDS;
      while (!isOver) wait = await step(wait);
    } catch (problem) {
      if (!isOver) onEnd(problem);
    }
  }

  /** Begins as a socket does: from which revision on, and how things stand there. */
  async function begin() {
    const { store, revision } = await ask();
    let frame = await changes(since() ?? revision, 0);
    if (frame.type === "resync") frame = await changes(frame.revision, 0);
    const { counts, pending_percent } = frame;
    deliver({ type: "hello", way: "polling", store, revision: frame.since, counts, pending_percent });
    deliver(frame);
  }

  function deliver(frame) {
    if (!isOver) onFrame(frame);
  }

  async function changes(from, wait) {
    request = new AbortController();
    const timer = setTimeout(() => request.abort(), wait * 1000 + PATIENCE_MILLISECONDS);
    try {
      return await poll(from, wait, request.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks once, and pauses. Returns how long the next one may wait, in seconds. */
  async function step(wait) {
    const from = since();
    const began = performance.now();
    const frame = await frameAfter(from, wait);
    const isEmpty = frame === null || (frame.type === "changes" && frame.revision === from);
    if (frame !== null) deliver(frame);
    const isEarly = performance.now() - began < (WAIT_SECONDS * 1000) / 2;
    await pause(isEmpty && isEarly && wait > 0 ? LONG_PAUSE : SHORTEST_PAUSE);
    return frame === null || frame.type === "resync" ? 0 : WAIT_SECONDS;
  }

  /** Returns null if too many wait already: the server answers those who do not wait. */
  async function frameAfter(from, wait) {
    try {
      return await changes(from, wait);
    } catch (problem) {
      if (wait > 0 && TOO_MANY.includes(problem.status)) return null;
      throw problem;
    }
  }

  function close() {
    isOver = true;
    request?.abort();
  }

  run();
  return { send: () => {}, close };
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
