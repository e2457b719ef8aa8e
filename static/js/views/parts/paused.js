/** The rows of a list stand still while a person is in them; this button says what is waiting, and shows it. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { isAnswered } from "../../state/paged_list.js";
import { heldBack } from "../../state/tasks/task_list.js";
import { number } from "../../text/format.js";

/** Draws the button if anything is waiting. `name` is the list's, as in `state.lists`. */
export function paused(name, list, act) {
  if (list === null || !isAnswered(list)) return nothing;
  const { count, hasMoved } = heldBack(list);
  if (!hasMoved) return nothing;
  return html`
    <button class="btn btn-sm btn-outline-secondary paused" type="button" title="Show the list as it is now" data-list=${name}
      @click=${(event) => apply(event, name, act)} @focusout=${act.leaveTable}>
      <i class="bi bi-pause-circle" aria-hidden="true"></i> Updates paused${count > 0 ? ` · ${number(count)} new` : ""}
    </button>
  `;
}

/** Shows the updates. If the keyboard was used, the focus moves into the rows, since the button disappears. */
function apply({ detail: clicks }, name, act) {
  act.applyUpdates(name);
  const rows = name === "dialog" ? "#tasks-dialog tbody" : `.home-tasks[data-list=${name}]`;
  if (clicks === 0) document.querySelector(`${rows} a`)?.focus();
}
