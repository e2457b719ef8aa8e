/** The views of a cluster beside Home: what each can be sorted by at the server, and the forms that open over it. */

/** The job that gets performance data of images. */
export const MEASURES_IMAGES = "rbd_performance";

export const VIEWS = {
  pools: {
    title: "Pools",
    ordering: "name",
    orderings: ["name", "application", "pg_num", "size", "used_bytes"],
    forms: ["pgs", "create"],
  },
  images: {
    title: "Images",
    ordering: "pool",
    orderings: ["pool", "name", "size_bytes", "used_bytes", "read_ops", "write_ops", "write_latency_seconds", "performance_as_of"],
    forms: ["performance"],
  },
};
