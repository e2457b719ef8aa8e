/** Actions on preferences and messages; actions.js describes their context. */

import { askPermission } from "../browser/notify.js";
import * as preferences from "../browser/preferences.js";
import { without } from "../state/notices/toasts.js";
import * as change from "../state/state.js";
import { useZone } from "../text/format.js";

export function settingsActions({ getState, react, askForFrame }) {
  function setPreference(name, value) {
    const changed = { ...getState().preferences, [name]: value };
    preferences.save(changed);
    useZone(changed.zone);
    react(change.withPreferences, changed);
  }

  return {
    setPreference,
    async setNotify(isWanted) {
      const isAllowed = isWanted && (await askPermission()) === "granted";
      setPreference("notify", isAllowed);
    },
    closeToast: (key) => react((state) => change.withToasts(state, without(state.toasts, key))),
    holdToasts: askForFrame,
  };
}
