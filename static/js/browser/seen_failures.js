/** Remembers which failures a person has seen in this browser; if that cannot be stored, until the page is closed. */

const SEEN = "hourglass.failures-seen.";

/** Returns when the latest seen failure of this store ended; "" if none was seen. */
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

/** Calls back when another window of this browser has looked at failures, with the store and the time. */
export function onFailuresSeenElsewhere(callback) {
  addEventListener("storage", ({ key, newValue }) => {
    if (key?.startsWith(SEEN) && newValue) callback(key.slice(SEEN.length), newValue);
  });
}
