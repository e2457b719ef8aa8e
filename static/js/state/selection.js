/**
 * Which rows are selected: one by one, a range with Shift, all on the page, or all that match. Pure.
 *
 * `matching` is null, or what was selected as a whole, as of a revision: `{query, count, isExact, asOf}`. Then all rows on the
 * page are selected as well, and a click on any of them ends it.
 */

export const NOTHING = Object.freeze({ ids: new Set(), anchor: null, matching: null });

/** Applies a click on a row's box. With Shift, all rows from the last clicked one to this one become selected or not, as it
 * does. */
export function clicked(selection, order, id, withShift) {
  const chosen = !selection.ids.has(id);
  const range = withShift ? between(order, selection.anchor, id) : [id];
  return { ids: changed(selection.ids, range, chosen), anchor: id, matching: null };
}

function between(order, anchor, id) {
  const from = order.indexOf(anchor);
  const to = order.indexOf(id);
  if (from < 0 || to < 0) return [id];
  return order.slice(Math.min(from, to), Math.max(from, to) + 1);
}

function changed(ids, range, chosen) {
  const result = new Set(ids);
  for (const id of range) chosen ? result.add(id) : result.delete(id);
  return result;
}

/** Selects all rows on the page, or none if all of them are selected. */
export function allClicked(selection, order) {
  return isAll(selection, order) ? NOTHING : { ...NOTHING, ids: new Set(order) };
}

export function isAll(selection, order) {
  return order.length > 0 && order.every((id) => selection.ids.has(id));
}

/** Selects all that match, on all pages. */
export function allMatching(order, matching) {
  return { ...NOTHING, ids: new Set(order), matching };
}

/** Returns how many are selected. */
export function countChosen({ ids, matching }) {
  return matching?.count ?? ids.size;
}

/** Drops rows that no longer exist. */
export function limitedTo(selection, ids) {
  const there = new Set(ids);
  const remaining = [...selection.ids].filter((id) => there.has(id));
  return remaining.length === selection.ids.size ? selection : { ...selection, ids: new Set(remaining) };
}
