/** What a person can choose for this browser: a popover below its button in the bar. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { live } from "/openattic/vendor/lit-html/directives/live.js";

const THEMES = [
  { value: "system", word: "System", icon: "bi-circle-half" },
  { value: "light", word: "Light", icon: "bi-sun" },
  { value: "dark", word: "Dark", icon: "bi-moon-stars" },
];
const ZONES = [
  { value: "local", word: "Local", icon: "bi-geo-alt" },
  { value: "utc", word: "UTC", icon: "bi-globe2" },
];

/** By what the browser says to desktop notifications: see browser/notify.js. */
const NOTICE_HINTS = {
  granted: "While you are looking elsewhere.",
  default: "While you are looking elsewhere. The browser asks you once.",
  denied: "The browser does not allow them here. Its settings for this site can.",
  insecure: "They need a secure address: https, or localhost.",
  unsupported: "This browser has none.",
};

export function settingsButton() {
  return html`
    <button class="btn bar-button" type="button" id="settings-button" popovertarget="settings" aria-label="Settings"
      title="Settings">
      <i class="bi bi-gear" aria-hidden="true"></i>
    </button>
  `;
}

/** `notices` is `{ canNotify, permission }`, both as browser/notify.js has them. */
export function settingsView(preferences, notices, act) {
  return html`
    <div class="settings" id="settings" popover role="dialog" aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      ${choice("Theme", "theme", THEMES, preferences.theme, act)}
      ${choice("Times", "zone", ZONES, preferences.zone, act)}
      ${shortcuts(preferences, act)}
      ${notifications(preferences, notices, act)}
    </div>
  `;
}

function choice(legend, name, options, chosen, act) {
  return html`
    <fieldset>
      <legend>${legend}</legend>
      <div class="choice">
        ${options.map(({ value, word, icon }) => html`
          <label>
            <input type="radio" name=${`settings-${name}`} .checked=${live(value === chosen)}
              @change=${() => act.setPreference(name, value)}>
            <i class=${`bi ${icon}`} aria-hidden="true"></i> ${word}
          </label>
        `)}
      </div>
    </fieldset>
  `;
}

/** Who talks to the computer, or hits keys by chance, does not want them. */
function shortcuts({ shortcuts: areOn }, act) {
  return html`
    <fieldset>
      <legend>Keys</legend>
      <label class="notices">
        <input class="form-check-input" type="checkbox" aria-describedby="shortcuts-hint" .checked=${live(areOn)}
          @change=${(event) => act.setPreference("shortcuts", event.target.checked)}>
        Single-key shortcuts
      </label>
      <p class="hint" id="shortcuts-hint">? for help and / to search, wherever one is.</p>
    </fieldset>
  `;
}

/** Shown as on only if it works. `live`: a person who refuses the browser's question sees the tick go again. */
function notifications({ notify }, { canNotify, permission }, act) {
  return html`
    <fieldset>
      <legend>Desktop notifications</legend>
      <label class="notices">
        <input class="form-check-input" type="checkbox" aria-describedby="notices-hint" ?disabled=${!canNotify}
          .checked=${live(notify && permission === "granted")}
          @change=${(event) => act.setNotify(event.target.checked)}>
        When one of my tasks has ended
      </label>
      <p class="hint" id="notices-hint">${NOTICE_HINTS[permission] ?? nothing}</p>
    </fieldset>
  `;
}
