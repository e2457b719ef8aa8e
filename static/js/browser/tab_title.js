/** The title and icon of the browser's tab, which show how many tasks are pending and failed even while it is hidden. */

import { unseenCount } from "../state/notices/unseen.js";
import { number } from "../text/format.js";
import { numbered } from "../text/sentences.js";
import { countOf } from "../text/statuses.js";
import { iconHref } from "./tab_icon.js";

let shown = "";

export function showInTab({ counts, unseen, open, place }) {
  const pending = counts === null ? 0 : countOf("pending", counts);
  const failed = counts === null ? 0 : unseenCount(unseen, counts);
  const name = open?.task ? numbered(open.task) : (place.tab === null ? undefined : "Background-Tasks");
  const title = pageTitle(pending, failed, name ? `${name} · Hourglass` : undefined);
  if (document.title !== title) document.title = title;
  const href = iconHref(pending, failed);
  if (href === shown) return;
  shown = href;
  document.querySelector("link[rel=icon]").href = href;
}

/** Returns `(3) Hourglass`, `(3, 2 failed) Hourglass`. `base` names what is open. */
export function pageTitle(pending, failedUnseen, base = "Hourglass") {
  const parts = [];
  if (pending > 0) parts.push(number(pending));
  if (failedUnseen > 0) parts.push(`${number(failedUnseen)} failed`);
  return parts.length > 0 ? `(${parts.join(", ")}) ${base}` : base;
}
