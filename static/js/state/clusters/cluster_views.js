/**
 * The views of a cluster, as in views.js. What the slice has to know of their rows: the `path` of the list on the server, the
 * key of a row (`keyOf`), whether any row is about to change and should be loaded often (`isChanging`), whether rows can be
 * selected, and the job that measures them (`measuredBy`; null: none).
 */

import { slice } from "./clusters.js";
import { pathOf } from "./images.js";
import { MEASURES_IMAGES } from "./jobs.js";
import { isAnyChanging } from "./pools.js";

const keys = { search: "view-search" };

export const pools = {
  name: "pools",
  title: "Pools",
  place: {
    ordering: "name",
    orderings: ["name", "application", "pg_num", "size", "used_bytes"],
    forms: ["pgs", "create"],
  },
  state: { slice, path: "pools", keyOf: ({ id }) => id, isChanging: isAnyChanging, isSelectable: false, measuredBy: null },
  keys,
};

export const images = {
  name: "images",
  title: "Images",
  place: {
    ordering: "pool",
    orderings: ["pool", "name", "size_bytes", "used_bytes", "read_ops", "write_ops", "write_latency_seconds", "performance_as_of"],
    forms: ["performance"],
  },
  state: { slice, path: "rbds", keyOf: pathOf, isChanging: () => false, isSelectable: true, measuredBy: MEASURES_IMAGES },
  keys,
};
