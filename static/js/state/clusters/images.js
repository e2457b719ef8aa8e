/** RBD images: their newest data, formatted for people, and which tasks are collecting data about them. Pure. */

import { isPending } from "../../text/statuses.js";
import { rate } from "./curves.js";
import { MEASURES_IMAGES } from "./jobs.js";

/** Returns `rbd/disk1`, `rbd/team/disk1`: the key of an image. A slash within a name is written as `%2F`, a `%` as `%25`. */
export function pathOf({ pool, namespace = "", name }) {
  return [pool, namespace, name].filter(Boolean).map(written).join("/");
}

function written(name) {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** Returns the names in a path, as people know them. */
export function namesIn(path) {
  return path.replace(/%(25|2F)/gi, (code) => (code === "%25" ? "%" : "/"));
}

/** Returns the pending tasks that collect data in a cluster, the newest first. */
export function samplings(tasks, fsid) {
  const isOurs = ({ job, metadata, status }) => job === MEASURES_IMAGES && metadata.fsid === fsid && isPending(status);
  return [...tasks.values()].filter(isOurs).sort((one, other) => other.id - one.id);
}

/** Returns whether a task collects data about an image; without any named, it does about all. False until its parameters are
 * loaded. */
export function covers({ params }, image) {
  if (params === null) return false;
  const { pools = [], images = [] } = params;
  if (pools.length === 0 && images.length === 0) return true;
  return pools.includes(image.pool) || images.includes(pathOf(image));
}

/** Returns the used share of the provisioned size, from 0 to 1; null while it is not known. */
export function usedShare({ used_bytes: used, size_bytes: size }) {
  if (used === null) return null;
  return size > 0 ? Math.min(1, used / size) : 0;
}

/** Returns whether the cluster reported anything of the image. */
export function isMeasured(performance) {
  return performance !== null && performance.read_ops !== null;
}

/**
 * Returns a curve that fills a box: lists of points `x,y`, one list for each part between gaps. The largest value touches the
 * top; a single point becomes a short line.
 */
export function sparkline(values, width, height) {
  const most = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const step = width / Math.max(1, values.length - 1);
  const parts = [[]];
  values.forEach((value, at) => {
    if (value === null) parts.push([]);
    else parts.at(-1).push([at * step, height - (value / most) * height]);
  });
  const lines = parts.filter((part) => part.length > 0).map(atLeastADash);
  return lines.map((line) => line.map((point) => point.map((one) => one.toFixed(1)).join(",")).join(" "));
}

/** One point alone would not be seen. */
function atLeastADash(part) {
  const [[x, y]] = part;
  return part.length > 1 ? part : [[x, y], [x + 1, y]];
}

/** Returns the curve as text, for screen readers: `Operations per second: from 3 to 412, 250 at the end`. */
export function sparklineText(values) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "Operations per second: not measured";
  const [least, most] = [Math.min(...known), Math.max(...known)];
  if (most === 0) return "Operations per second: none";
  return `Operations per second: from ${rate(least)} to ${rate(most)}, ${rate(known.at(-1))} at the end`;
}
