/** What a person has chosen in this browser. Where it may not store anything, that holds until the page is left. */

const KEY = "hourglass.preferences";

/** What can be chosen. */
const CHOICES = Object.freeze({
  theme: ["system", "light", "dark"],
  zone: ["local", "utc"],
  notify: [false, true],
  shortcuts: [true, false],
  pageSize: [10, 25, 50, 100],
});

const DEFAULTS = Object.freeze({ theme: "system", zone: "local", notify: false, shortcuts: true, pageSize: 50 });

/** What could not be stored. */
let kept = null;

/** Of what was stored only what can be chosen: the rest is as if it had not been. */
function understood(stored) {
  const choose = ([name, choices]) => [name, choices.includes(stored[name]) ? stored[name] : DEFAULTS[name]];
  return Object.fromEntries(Object.entries(CHOICES).map(choose));
}

export function load() {
  if (kept !== null) return kept;
  try {
    return understood(JSON.parse(localStorage.getItem(KEY)) ?? {});
  } catch {
    return DEFAULTS;
  }
}

/** Stores them, and tells the theme to theme.js, which has no imports. */
export function save(preferences) {
  kept = null;
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    kept = preferences;
  }
  dispatchEvent(new CustomEvent("hourglass:theme", { detail: preferences.theme }));
}

/** Calls back with the preferences when another window of this browser has changed them. */
export function onChangedElsewhere(callback) {
  addEventListener("storage", ({ key }) => {
    if (key === KEY || key === null) callback(load());
  });
}
