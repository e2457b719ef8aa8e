/** Failures that this browser has not seen (unseen.js), within the state. Pure. */

import { isFinal } from "../../text/statuses.js";
import { isAnswered } from "../paged_list.js";
import { rows } from "../tasks/task_list.js";
import * as unseen from "./unseen.js";

/** Notes that failures since `seen` are being loaded; this browser remembers that time for each store. */
export function failedBegan(state, seen) {
  return { ...withSeen(state, seen), needs: { ...state.needs, failed: false } };
}

export function withFailed(state, page) {
  return page.store === state.store ? { ...state, unseen: unseen.withPage(state.unseen, page) } : state;
}

/** Notes that failures up to `seen` were seen, in this window or in another one. */
export function withSeen(state, seen) {
  return { ...state, unseen: unseen.seenElsewhere(state.unseen, seen) };
}

/** Notes the failures as seen if the Failed tab is on the screen. */
export function seen(state) {
  const { place, lists } = state;
  if (place.tab !== "failed" || place.task !== null || !isAnswered(lists.dialog)) return state;
  const next = unseen.lookedAt(state.unseen, rows(lists.dialog).filter((task) => isFinal(task.status)));
  return next === state.unseen ? state : { ...state, unseen: next };
}
