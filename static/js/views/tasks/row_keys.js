/** The keys of the table: Up and Down move between rows, Space selects, Delete asks to delete the selection. */

export function moveInRows(event, act) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const row = event.target.closest("tr");
  const to = target(event.key, row);
  if (to) {
    event.preventDefault();
    (sameCell(to, event.target) ?? to.querySelector("a, input"))?.focus();
  } else if (event.key === " " && event.target.matches("a")) {
    event.preventDefault();
    row.querySelector("input[type=checkbox]:enabled")?.click();
  } else if (event.key === "Delete") {
    act.askToDelete();
  }
}

function target(key, row) {
  const rows = row.parentElement.rows;
  return { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: rows[0], End: rows[rows.length - 1] }[key];
}

function sameCell(row, element) {
  return row.querySelector(element.matches("input") ? "input" : "a");
}
