/** Remembers for this tab whether WebSockets get through to the server. If nothing can be stored, the page finds out again. */

const NO_SOCKETS = "hourglass.no-sockets";

/** Returns whether no WebSocket got through when this tab last tried: if so, a reload does not wait for one again. */
export function areSocketsHopeless() {
  try {
    return sessionStorage.getItem(NO_SOCKETS) !== null;
  } catch {
    return false;
  }
}

export function rememberSockets(areHopeless) {
  try {
    if (areHopeless) sessionStorage.setItem(NO_SOCKETS, "");
    else sessionStorage.removeItem(NO_SOCKETS);
  } catch {
    // The page finds out again.
  }
}
