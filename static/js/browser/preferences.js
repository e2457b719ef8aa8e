/** A person's preferences in this browser. If they cannot be stored, they hold until the page is left. */

const KEY = "hourglass.preferences";

/** The possible values of each preference. */
const CHOICES = Object.freeze({
  theme: ["system", "light", "dark"],
  zone: ["local", "utc"],
  notify: [false, true],
  shortcuts: [true, false],
  pageSize: [10, 25, 50, 100],
});

const DEFAULTS = Object.freeze({ theme: "system", zone: "local", notify: false, shortcuts: true, pageSize: 50 });

/** The preferences, if they could not be stored. */
let unstored = null;

/** Returns the stored values that are valid, with the defaults for the rest. */
function understood(stored) {
  const choose = ([name, choices]) => [name, choices.includes(stored[name]) ? stored[name] : DEFAULTS[name]];
  return Object.fromEntries(Object.entries(CHOICES).map(choose));
}

export function load() {
  if (unstored !== null) return unstored;
  try {
    return understood(JSON.parse(localStorage.getItem(KEY)) ?? {});
  } catch {
    return DEFAULTS;
  }
}

/** Stores them, and notifies theme.js, which has no imports, of the theme. */
export function save(preferences) {
  unstored = null;
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    unstored = preferences;
  }
  dispatchEvent(new CustomEvent("hourglass:theme", { detail: preferences.theme }));
}

/** Calls back with the preferences when another window of this browser has changed them. */
export function onChangedElsewhere(callback) {
  addEventListener("storage", ({ key }) => {
    if (key === KEY || key === null) callback(load());
  });
}
