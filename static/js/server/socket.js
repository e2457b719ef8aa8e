/** One WebSocket to the server's changes, from its handshake until it is lost or falls silent. */

import { HELLO_MILLISECONDS, QUIET_MILLISECONDS } from "./reconnect.js";

/**
 * Opens it. Called are `onFrame(frame)` and, once, `onEnd({ code, wasHeard, isSilent, wasLong })`: the code of its close (0
 * for a silence), whether any frame came, whether it ended since none came any more, and whether frames came for
 * longer than it takes to be called silent. Returns `send`, `giveUp`, which ends it as a silence does, and `close`, after
 * which nothing is called.
 */
export function openSocket(url, { onFrame, onEnd }) {
  const socket = new WebSocket(url);
  const began = performance.now();
  let isOver = false;
  let wasHeard = false;
  let wasLong = false;
  let timer = setTimeout(fallSilent, HELLO_MILLISECONDS);

  socket.onmessage = ({ data }) => {
    if (isOver) return;
    const frame = parsed(data);
    if (frame === null) return end(0, false);
    wasHeard = true;
    wasLong ||= performance.now() - began > QUIET_MILLISECONDS;
    clearTimeout(timer);
    timer = setTimeout(fallSilent, QUIET_MILLISECONDS);
    onFrame(frame);
  };
  socket.onclose = ({ code }) => end(code, false);

  function fallSilent() {
    end(0, true);
  }

  function end(code, isSilent) {
    if (isOver) return;
    close();
    onEnd({ code, wasHeard, isSilent, wasLong });
  }

  function close() {
    isOver = true;
    clearTimeout(timer);
    socket.close();
  }

  /** Sends the server an order, if there is a connection at the moment. */
  function send(order) {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(order));
  }

  return { send, close, giveUp: fallSilent };
}

/** Returns null for anything but a frame: then it is not the server that answers. */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
