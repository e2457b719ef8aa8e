/** Whether WebSockets get through to the server, as far as this tab has tried. If it may not store anything, it tries again. */

const NO_SOCKETS = "hourglass.no-sockets";

/** Returns whether no WebSocket got through when this tab tried last: then it does not wait for one again after each reload. */
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
