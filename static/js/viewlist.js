/** The views of a cluster beside Home: what each can be sorted by at the server, and the forms that open over it. */

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
    orderings: ["pool", "name", "size_bytes", "used_bytes", "operations", "read_ops", "write_ops", "performance_as_of"],
    forms: ["performance"],
  },
};
