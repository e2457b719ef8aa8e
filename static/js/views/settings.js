/** The settings for this browser: a popover below its button in the bar. */

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

/** By the browser's permission for desktop notifications (browser/notify.js). */
const NOTICE_HINTS = {
  granted: "While you are looking elsewhere.",
  default: "While you are looking elsewhere. The browser will ask you once.",
  denied: "The browser blocks them here. You can allow them in its settings for this site.",
  insecure: "They need a secure address: https or localhost.",
  unsupported: "This browser does not support them.",
};

export function settingsButton() {
  return html`
    <button class="btn bar-button" type="button" id="settings-button" popovertarget="settings" aria-label="Settings"
      title="Settings">
      <i class="bi bi-gear" aria-hidden="true"></i>
    </button>
  `;
}

/** Draws the settings. `notices` is `{ canNotify, permission }`, the results of the functions in browser/notify.js. */
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

/** Draws the switch for single-key shortcuts, which disturb people who dictate or hit keys by accident. */
function shortcuts({ shortcuts: areOn }, act) {
  return html`
    <fieldset>
      <legend>Keys</legend>
      <label class="notices">
        <input class="form-check-input" type="checkbox" aria-describedby="shortcuts-hint" .checked=${live(areOn)}
          @change=${(event) => act.setPreference("shortcuts", event.target.checked)}>
        Single-key shortcuts
      </label>
      <p class="hint" id="shortcuts-hint">? for help and / to search, anywhere on the page.</p>
    </fieldset>
  `;
}

/** Draws the switch for notifications, on only if they work. `live`: if the person denies the browser's request, the tick
 * disappears again. */
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
