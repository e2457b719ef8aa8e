/** What this browser remembers between visits. Where it may not store anything, nothing is remembered. */

const SEEN = "hourglass.failures-seen.";
const NO_SOCKETS = "hourglass.no-sockets";

/** The end of the latest failed task of this store that was looked at; "" if none was. */
export function failuresSeen(store) {
  try {
    return localStorage.getItem(SEEN + store) ?? "";
  } catch {
    return "";
  }
}

export function rememberFailuresSeen(store, seen) {
  try {
    localStorage.setItem(SEEN + store, seen);
  } catch {
    // The page still knows until it is closed.
  }
}

/** Whether no WebSocket got through when this tab tried last: then it does not wait for one again after each reload. */
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

/** Calls back when another window of this browser has looked at failures, with the store and the time. */
export function onFailuresSeenElsewhere(callback) {
  addEventListener("storage", ({ key, newValue }) => {
    if (key?.startsWith(SEEN) && newValue) callback(key.slice(SEEN.length), newValue);
  });
}
