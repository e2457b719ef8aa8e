/** One WebSocket to the server's changes, from its handshake until it is lost or falls silent. */

import { HELLO_MILLISECONDS, QUIET_MILLISECONDS } from "./reconnect.js";

/**
 * Opens the socket. Calls `onFrame(frame)` and, once, `onEnd({ code, wasHeard, isSilent, wasLong })`: the close code (0 if it
 * fell silent), whether any frame came, whether it ended because frames stopped coming, and whether frames came for longer than
 * QUIET_MILLISECONDS. Returns `send`, `giveUp`, which ends it as if it were silent, and `close`, after which nothing is called.
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

  /** Sends an order to the server, if the socket is open. */
  function send(order) {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(order));
  }

  return { send, close, giveUp: fallSilent };
}

/** Returns the frame; null for anything that is not JSON: then it was not the server that answered. */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
