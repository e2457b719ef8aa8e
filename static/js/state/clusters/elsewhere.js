/**
 * The changes in clusters without a task of ours, as `state.elsewhere`: what others have begun, and what the clusters
 * themselves report. Pure.
 *
 * `clusters` are those that were asked: `{ fsid, name, changes }`, where `changes` is null if a cluster does not answer.
 * `following` are keys of changes that a person has just asked to follow. `number` counts what people did: answers to
 * requests from before their last action are outdated.
 */

import { isolated } from "../../text/bidi.js";
import { number } from "../../text/format.js";
import { someNames } from "../../text/sentences.js";

export const NOTHING_SEEN = Object.freeze({ clusters: [], following: new Set(), number: 0 });

/** How often clusters are asked: while something changes, and otherwise. */
const MOVING_MILLISECONDS = 2000;
const STILL_MILLISECONDS = 5000;

/** Sets the clusters' answers to a request, unless it is outdated; `asked` is its number. */
export function withAnswers(elsewhere, asked, clusters) {
  return asked === elsewhere.number ? { ...elsewhere, clusters } : elsewhere;
}

/** Returns the key of a change: its pool if it is about the number of PGs, else its start and text. */
export function keyOf(fsid, { id, to, since, text }) {
  return to === null ? `${fsid} ${since} ${text}` : poolKey(fsid, id);
}

export function poolKey(fsid, poolId) {
  return `${fsid} pool ${poolId}`;
}

export function followBegan(elsewhere, key) {
  return { ...elsewhere, following: new Set(elsewhere.following).add(key) };
}

/** Notes that the request to follow a change has ended. If there is a task for it now, it is no longer one without. */
export function followEnded(elsewhere, key, hasTask) {
  const following = new Set(elsewhere.following);
  following.delete(key);
  if (!hasTask) return { ...elsewhere, following };
  const clusters = elsewhere.clusters.map((cluster) => without(cluster, key));
  return { clusters, following, number: elsewhere.number + 1 };
}

function without({ fsid, name, changes }, key) {
  return { fsid, name, changes: changes && changes.filter((change) => keyOf(fsid, change) !== key) };
}

/** Returns all changes, each with its `key`, `fsid`, `cluster` (a name) and whether it `isFollowing`. */
export function rowsOf({ clusters, following }) {
  return clusters.flatMap(({ fsid, name, changes }) =>
    (changes ?? []).map((change) => {
      const key = keyOf(fsid, change);
      return { ...change, key, fsid, cluster: name, isFollowing: following.has(key) };
    }),
  );
}

/** Returns the change of a pool's PGs without a task; undefined if none is known. */
export function changeOfPool(elsewhere, fsid, poolId) {
  return rowsOf(elsewhere).find(({ key }) => key === poolKey(fsid, poolId));
}

export function pauseMilliseconds(elsewhere) {
  return rowsOf(elsewhere).length > 0 ? MOVING_MILLISECONDS : STILL_MILLISECONDS;
}

/** Drops clusters that an earlier section of config.ini names and reaches as well, so that each is asked once. */
export function eachOnce(clusters) {
  const firstOf = (fsid) => clusters.find((cluster) => cluster.reachable && cluster.fsid === fsid);
  return clusters.filter((cluster) => [undefined, cluster].includes(firstOf(cluster.fsid)));
}

/** Returns which clusters do not answer; "" if all do. */
export function silenceText({ clusters }) {
  const silent = clusters.filter(({ changes }) => changes === null).map(({ name }) => name);
  if (silent.length === 0) return "";
  const [what, does, its] = silent.length === 1 ? ["Cluster", "does", "its"] : ["Clusters", "do", "their"];
  return `${what} ${someNames(silent.length, silent)} ${does} not answer: ${its} changes are not known.`;
}

/** Returns `2 changes begun elsewhere are in progress.` */
export function inProgressText(count) {
  return count === 1 ? "A change begun elsewhere is in progress." : `${number(count)} changes begun elsewhere are in progress.`;
}

/** Returns the line below a change: how far it has got, or that the cluster reported it. */
export function detailText({ to, text, cluster }, hasSeveralClusters) {
  const where = hasSeveralClusters ? `in cluster ${isolated(cluster)}` : "";
  const parts = [to === null ? "reported by the cluster" : isolated(text), where];
  return parts.filter(Boolean).join(" · ");
}
