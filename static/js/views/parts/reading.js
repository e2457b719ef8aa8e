/** Whether a person is in the rows of a list, so that they stand still. */

const canHover = matchMedia("(hover: hover)");
/** For a person who moves the pointer, the focus means nothing. */
let isByPointer = false;

addEventListener("pointermove", ({ movementX, movementY }) => (isByPointer ||= movementX !== 0 || movementY !== 0));
for (const kind of ["keydown", "focusin"]) addEventListener(kind, () => (isByPointer = false));

/** `name` as in `state.lists`. In the dialog the pointer counts, too; on Home, who reads by keyboard or by ear. Somebody on
 * the way to the button that shows the updates is still in the rows. */
export function isInList(name) {
  if (document.activeElement?.matches(`.paused[data-list=${name}]`)) return true;
  if (name === "dialog") return isIn(document.querySelector("#tasks-dialog tbody"));
  return !isByPointer && hasFocus(document.querySelector(`.home-tasks[data-list=${name}]`));
}

/** Returns whether a person has the pointer or the focus in the rows of a view. */
export function isInViewRows() {
  return isIn(document.querySelector(".view-card tbody"));
}

function isIn(rows) {
  return hasFocus(rows) || (rows !== null && canHover.matches && rows.matches(":hover"));
}

function hasFocus(rows) {
  return rows?.contains(document.activeElement) ?? false;
}
