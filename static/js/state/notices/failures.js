/** Failures that this browser has not seen (unseen.js), within the state. Pure. */

import { isFinal } from "../../text/statuses.js";
import { isAnswered } from "../paged_list.js";
import { rows } from "../tasks/task_list.js";
import * as unseen from "./unseen.js";

/** What failed since `seen`, which this browser remembers of this store, is asked for. */
export function failedBegan(state, seen) {
  return { ...withSeen(state, seen), needs: { ...state.needs, failed: false } };
}

export function withFailed(state, page) {
  return page.store === state.store ? { ...state, unseen: unseen.withPage(state.unseen, page) } : state;
}

/** Failures up to `seen` were looked at, in this window or in another one. */
export function withSeen(state, seen) {
  return { ...state, unseen: unseen.seenElsewhere(state.unseen, seen) };
}

/** The person sees the Failed tab, so its failures are known to them. */
export function seen(state) {
  const { place, lists } = state;
  if (place.tab !== "failed" || place.task !== null || !isAnswered(lists.dialog)) return state;
  const next = unseen.lookedAt(state.unseen, rows(lists.dialog).filter((task) => isFinal(task.status)));
  return next === state.unseen ? state : { ...state, unseen: next };
}
