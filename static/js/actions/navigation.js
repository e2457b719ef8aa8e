/** Actions for opening and closing the dialog, its tabs, tasks, views and the help, and for searching, sorting and turning
 * pages; actions.js describes their context. */

import { HOME, NO_CURVES, atTab, atView } from "../state/place.js";
import * as change from "../state/state.js";
import { reloadAsked, updatesApplied } from "../state/tasks/lists.js";
import { viewNamed } from "../state/views.js";

export function navigationActions({ react, go, place, askForFrame }, preferPageSize) {
  return {
    openDialog: () => place().tab === null && go(atTab("pending", place().view)),
    openTab: (tab) => go({ ...atTab(tab, place().view), size: place().size }),
    closeDialog: () => place().tab !== null && go({ ...HOME, view: place().view }),
    search: (text) => go({ ...place(), search: text, page: 1 }, "replaceState"),
    sortBy: (ordering) => go({ ...place(), ordering, page: 1 }),
    showPage: (page) => go({ ...place(), page }),
    setPageSize(size) {
      preferPageSize(size);
      go({ ...place(), size: null, page: 1 });
    },
    openTask: (id, curves = NO_CURVES) => go({ ...place(), task: id, start: null, from: null, curves }),
    closeTask: () => go({ ...place(), task: null, curves: NO_CURVES }),
    openHome: () => go(HOME),
    openView: (name) => go(viewNamed(name).place === null ? HOME : { ...HOME, view: atView(name, place().view?.cluster ?? null) }),
    openHelp: () => react(change.withHelp, true),
    closeHelp: () => react(change.withHelp, false),
    reload: () => react(reloadAsked),
    reloadPage: () => location.reload(),
    applyUpdates: (name) => react(updatesApplied, name),
    leaveTable: askForFrame,
  };
}
