/** Which rows are chosen: one by one, a range with Shift, or all on the page. Pure. */

export const NOTHING = Object.freeze({ ids: new Set(), anchor: null });

/** After a click on a row's box. With Shift, all from the last clicked row to this one become what this one becomes. */
export function clicked(selection, order, id, withShift) {
  const chosen = !selection.ids.has(id);
  const range = withShift ? between(order, selection.anchor, id) : [id];
  return { ids: changed(selection.ids, range, chosen), anchor: id };
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

/** All on the page, or none if all of them are chosen. */
export function allClicked(selection, order) {
  return isAll(selection, order) ? NOTHING : { ids: new Set(order), anchor: null };
}

export function isAll(selection, order) {
  return order.length > 0 && order.every((id) => selection.ids.has(id));
}

/** Without those that are not there any more. */
export function keptTo(selection, ids) {
  const there = new Set(ids);
  const kept = [...selection.ids].filter((id) => there.has(id));
  return kept.length === selection.ids.size ? selection : { ...selection, ids: new Set(kept) };
}
