/**
 * The changes in clusters without a task of ours, as `state.elsewhere`: what others have begun, and what the clusters
 * themselves report. Pure.
 *
 * `clusters` are those that were asked: `{ fsid, name, changes }`, where `changes` is null if one does not answer.
 * `following` are keys of changes that a person has just asked to follow. `number` counts what people did: an answer to
 * a question from before that is out of date.
 */

import { isolated } from "../../text/bidi.js";
import { number } from "../../text/format.js";
import { someNames } from "../../text/sentences.js";

export const NOTHING_SEEN = Object.freeze({ clusters: [], following: new Set(), number: 0 });

/** How often clusters are asked: while something changes, and otherwise. */
const MOVING_MILLISECONDS = 2000;
const STILL_MILLISECONDS = 5000;

/** Adds what the clusters answer to the request of that number. */
export function withAnswers(elsewhere, asked, clusters) {
  return asked === elsewhere.number ? { ...elsewhere, clusters } : elsewhere;
}

/** Returns the key of a change: its pool if it is about the number of PGs, else what is said of it. */
export function keyOf(fsid, { id, to, since, text }) {
  return to === null ? `${fsid} ${since} ${text}` : poolKey(fsid, id);
}

export function poolKey(fsid, poolId) {
  return `${fsid} pool ${poolId}`;
}

export function followBegan(elsewhere, key) {
  return { ...elsewhere, following: new Set(elsewhere.following).add(key) };
}

/** If there is a task now, its change is no longer one without. */
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

/** Drops clusters that an earlier section of config.ini names as well, and reaches: each is asked once. */
export function eachOnce(clusters) {
  const firstOf = (fsid) => clusters.find((cluster) => cluster.reachable && cluster.fsid === fsid);
  return clusters.filter((cluster) => [undefined, cluster].includes(firstOf(cluster.fsid)));
}

/** Returns what cannot be known; "" if all clusters answer. */
export function silenceText({ clusters }) {
  const silent = clusters.filter(({ changes }) => changes === null).map(({ name }) => name);
  if (silent.length === 0) return "";
  const [what, does, it] = silent.length === 1 ? ["Cluster", "does", "it"] : ["Clusters", "do", "them"];
  return `${what} ${someNames(silent.length, silent)} ${does} not answer: what goes on in ${it} is not known.`;
}

/** Returns `2 changes begun elsewhere go on.` */
export function goingOnText(count) {
  return count === 1 ? "A change begun elsewhere goes on." : `${number(count)} changes begun elsewhere go on.`;
}

/** Below the name of a change: what has come of it, or who says so. */
export function detailText({ to, text, cluster }, hasSeveralClusters) {
  const where = hasSeveralClusters ? `in cluster ${isolated(cluster)}` : "";
  const parts = [to === null ? "reported by the cluster" : isolated(text), where];
  return parts.filter(Boolean).join(" · ");
}
