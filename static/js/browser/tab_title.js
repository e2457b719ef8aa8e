/** The browser's own tab: its title and icon tell how things stand while somebody looks at something else. */

import { countOf } from "../text/statuses.js";
import { iconHref, pageTitle } from "./tab_icon.js";
import { unseenCount } from "../state/notices/unseen.js";
import { numbered } from "../text/sentences.js";

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
