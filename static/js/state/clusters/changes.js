/** Changes of the state that concern clusters: their list, the rows and the form of the open view, changes begun elsewhere.
 * Pure. */

import { pageInstead } from "../paged_list.js";
import { isAtHome } from "../place.js";
import { allClicked, clicked } from "../selection.js";
import { arranged, went } from "../state.js";
import * as clusters from "./clusters.js";
import { pathOf } from "./images.js";

export function withCeph(state, apply, ...values) {
  const ceph = apply(state.ceph, ...values);
  return ceph === state.ceph ? state : { ...state, ceph };
}

/** Sets the clusters that the server lists, which may change the list to load. */
export function withClusters(state, listed) {
  return arranged(withCeph(state, clusters.withClusters, listed));
}

/** Notes that a request for the rows of the view begins. */
export function viewLoadBegan(state) {
  const loads = state.loads + 1;
  return { ...withCeph(state, clusters.loadBegan, loads), loads };
}

/** Applies an answer with rows. `isHeld`: the pointer or the focus is in the rows. */
export function withViewAnswer(state, number, page, isHeld, now) {
  const next = arranged(withCeph(state, clusters.withAnswer, number, page, isHeld, now));
  const { list } = next.ceph;
  const instead = list === null ? null : pageInstead(list, list.results);
  if (instead === null) return next;
  return went({ ...next, needs: { ...next.needs, address: true } }, { ...next.place, view: { ...next.place.view, page: instead } });
}

/** Returns whether a view of a cluster is open and visible: it rests under the dialog or a task. */
export function isViewSeen({ phase, isLeaving, place, store }) {
  return phase === "live" && store !== null && !isLeaving && place.view !== null && place.tab === null && place.task === null;
}

/** Returns whether the changes without a task are on the screen: on Home, unless there are no clusters, or in *Pools*. */
export function isElsewhereSeen(state) {
  const { phase, isLeaving, place, store, ceph } = state;
  if (place.view !== null) return place.view.name === "pools" && isViewSeen(state) && ceph.clusters !== null;
  return phase === "live" && store !== null && !isLeaving && place.tab === null && isAtHome(place) && ceph.clusters?.length !== 0;
}

export function withElsewhere(state, apply, ...values) {
  const elsewhere = apply(state.elsewhere, ...values);
  return elsewhere === state.elsewhere ? state : { ...state, elsewhere };
}

/** Changes the form that is open over the view, unless it was closed meanwhile. */
export function withViewForm(state, form, apply, ...values) {
  const { form: now } = state.ceph;
  return isSameForm(now, form) ? { ...state, ceph: { ...state.ceph, form: apply(now, ...values) } } : state;
}

export function isSameForm(one, other) {
  return one !== null && one.kind === other.kind && one.poolId === other.poolId && one.fsid === other.fsid;
}

export function imageClicked(state, path, withShift) {
  const { ceph } = state;
  return { ...state, ceph: { ...ceph, selection: clicked(ceph.selection, imagePaths(state), path, withShift) } };
}

export function allImagesClicked(state) {
  return { ...state, ceph: { ...state.ceph, selection: allClicked(state.ceph.selection, imagePaths(state)) } };
}

function imagePaths({ ceph }) {
  return (ceph.list?.results ?? []).map(pathOf);
}
