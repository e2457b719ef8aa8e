/** Asks clusters for their changes without a task, as long as somebody looks at these. */

import * as change from "../state/clusters/changes.js";
import { clusterOf } from "../state/clusters/clusters.js";
import { eachOnce, pauseMilliseconds, withAnswers } from "../state/clusters/elsewhere.js";
import * as api from "./api.js";
import { askRepeatedly } from "./loader.js";

/** Returns a function to call whenever the state may have changed, like all needs (needs.js). */
export function serveElsewhere({ getState, update, failed }) {
  const elsewhere = () => getState().elsewhere;

  async function look() {
    const asked = elsewhere().number;
    try {
      const clusters = await Promise.all((await clustersSeen()).map(answerOf));
      update(change.withElsewhere, withAnswers, asked, clusters);
    } catch (problem) {
      failed(problem, () => {}); // the next request is soon made
    }
  }

  /** Returns the clusters to ask: on Home all of them, in a view the one that is open. */
  async function clustersSeen() {
    const { ceph, place: { view } } = getState();
    if (view !== null) return [clusterOf(ceph, view)].filter(Boolean);
    const clusters = await api.listClusters();
    update(change.withClusters, clusters);
    return eachOnce(clusters);
  }

  /** Asks a cluster, unless it is known not to answer: the list of clusters says when it does again. */
  async function answerOf({ fsid, name, reachable }) {
    return { fsid, name, changes: fsid !== null && reachable ? await changesOf(fsid) : null };
  }

  async function changesOf(fsid) {
    try {
      return await api.listChanges(fsid);
    } catch (problem) {
      failed(problem, () => {});
      return null;
    }
  }

  return askRepeatedly(look, () => change.isElsewhereSeen(getState()), () => pauseMilliseconds(elsewhere()));
}
