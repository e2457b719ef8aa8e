/** Follows the server's changes by requests that wait for some, if no WebSocket gets through. */

/** Shorter than what proxies usually let a request wait. */
const WAIT_SECONDS = 25;
/** Between two answers, so that a busy server does not get a request for each change. */
const SHORTEST_PAUSE = 250;
/** After an answer that came at once without any changes, or if the server refuses to let the request wait. */
const LONG_PAUSE = 5000;
/** How long an answer may take beyond the time that it was asked to wait. */
const PATIENCE_MILLISECONDS = 10000;
const TOO_MANY = [429, 503];

/**
 * Begins to poll, and returns `send`, which does nothing, and `close`.
 *
 * `since()` returns the revision after which to continue (null: from the present). `ask()` resolves to `store` and `revision`,
 * `poll(since, waitSeconds, signal)` to a frame `changes` or `resync`; both reject with a Problem. `onFrame(frame)` is called
 * for each frame, first for a `hello` that is made here, and `onEnd(problem)` if polling ends.
 */
export function startPolling(options) {
  const polling = new Polling(options);
  polling.run();
  return { send: () => {}, close: () => polling.close() };
}

class Polling {
  #options;
  #isOver = false;
  #request = null;

  constructor(options) {
    this.#options = options;
  }

  async run() {
    try {
      await this.#begin();
      let wait = WAIT_SECONDS;
      while (!this.#isOver) wait = await this.#step(wait);
    } catch (problem) {
      if (!this.#isOver) this.#options.onEnd(problem);
    }
  }

  close() {
    this.#isOver = true;
    this.#request?.abort();
  }

  /** Begins as a socket does, with a `hello`: the revision from which frames continue, and the counts. */
  async #begin() {
    const { store, revision } = await this.#options.ask();
    let frame = await this.#changes(this.#options.since() ?? revision, 0);
    if (frame.type === "resync") frame = await this.#changes(frame.revision, 0);
    const { counts, pending_percent } = frame;
    this.#deliver({ type: "hello", way: "polling", store, revision: frame.since, counts, pending_percent });
    this.#deliver(frame);
  }

  /** Makes one request, and pauses. Returns how long the next one may wait, in seconds. */
  async #step(wait) {
    const from = this.#options.since();
    const began = performance.now();
    const frame = await this.#frameAfter(from, wait);
    const isEmpty = frame === null || (frame.type === "changes" && frame.revision === from);
    if (frame !== null) this.#deliver(frame);
    const isEarly = performance.now() - began < (WAIT_SECONDS * 1000) / 2;
    await pause(isEmpty && isEarly && wait > 0 ? LONG_PAUSE : SHORTEST_PAUSE);
    return frame === null || frame.type === "resync" ? 0 : WAIT_SECONDS;
  }

  #deliver(frame) {
    if (!this.#isOver) this.#options.onFrame(frame);
  }

  /** Returns null if too many requests are waiting: the server still answers those that do not wait. */
  async #frameAfter(from, wait) {
    try {
      return await this.#changes(from, wait);
    } catch (problem) {
      if (wait > 0 && TOO_MANY.includes(problem.status)) return null;
      throw problem;
    }
  }

  async #changes(from, wait) {
    this.#request = new AbortController();
    const timer = setTimeout(() => this.#request.abort(), wait * 1000 + PATIENCE_MILLISECONDS);
    try {
      return await this.#options.poll(from, wait, this.#request.signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
