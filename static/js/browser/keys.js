/** Handles the keys that work everywhere, unless they are switched off: `?` for help, `/` to search. Those of the table are in
 * views/tasks/row_keys.js. */

import { viewAt } from "../state/place.js";

export function listenToKeys(getState, act) {
  document.addEventListener("keydown", (event) => {
    const { user, confirm, isHelpOpen, place, ceph, preferences } = getState();
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (user === "" || !preferences.shortcuts || !isPlain || isHelpOpen || isWriting(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      act.openHelp();
    } else if (event.key === "/" && confirm === null && place.start === null && ceph.form === null) {
      event.preventDefault();
      search(place, act);
    }
  });
}

function isWriting(element) {
  const isText = element.matches("input:not([type=checkbox], [type=radio])");
  return isText || element.isContentEditable || element.matches("textarea, select");
}

/** Focuses the search field of the visible list; if there is none, opens the dialog first. */
function search(place, act) {
  const own = viewAt(place).keys.search;
  const isInView = own !== undefined && place.tab === null && place.task === null;
  if (place.tab === null && !isInView) act.openDialog();
  else if (place.task !== null) act.closeTask();
  document.getElementById(isInView ? own : "search")?.focus();
}
