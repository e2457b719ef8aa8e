/** Finds out whether a person is in the rows of a list, which then stand still. */

const canHover = matchMedia("(hover: hover)");
/** Whether a person last used the pointer: the focus then means nothing. */
let isByPointer = false;

addEventListener("pointermove", ({ movementX, movementY }) => (isByPointer ||= movementX !== 0 || movementY !== 0));
for (const kind of ["keydown", "focusin"]) addEventListener(kind, () => (isByPointer = false));

/** Returns whether a person is in the rows of the list `name`, as in `state.lists`: in the dialog by pointer or focus, on Home
 * only by focus, while the pointer is not used. The button that shows the updates counts as part of the rows. */
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
