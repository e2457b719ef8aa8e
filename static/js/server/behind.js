/** Detects that an open socket is dead: answers have newer revisions than its frames. */

import { BEHIND_MILLISECONDS } from "./reconnect.js";

/**
 * Returns `noticed(revision)`, to be called with the revision of each answer, `begin`, to be called when a connection begins,
 * and `stop`. `isOpen()` returns whether a socket should bring frames, `lastFrame()` when the last one came; `onDead()` is
 * called if none comes for some time while the page is behind.
 */
export function makeBehind({ since, isOpen, lastFrame, onDead }) {
  let newest = 0;
  let timer = null;

  function noticed(revision) {
    newest = Math.max(newest, revision);
    if (timer === null && isBehind()) timer = setTimeout(check, BEHIND_MILLISECONDS, performance.now());
  }

  function isBehind() {
    return isOpen() && since() !== null && since() < newest;
  }

  function check(noticedAt) {
    timer = null;
    if (!isBehind()) return;
    if (lastFrame() > noticedAt) return noticed(newest);
    onDead();
  }

  function begin() {
    newest = 0;
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
  }

  return { noticed, begin, stop };
}
