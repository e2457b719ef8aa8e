/** Home, as in views.js: it lists the pending tasks, running ones first, and those that failed. */

export const home = {
  name: "home",
  title: "Home",
  place: null,
  state: {
    lists: {
      pending: { tab: "pending", search: "", ordering: "-status", page: 1, size: 8 },
      failures: { tab: "failed", search: "", ordering: "-last_modified", page: 1, size: 5 },
    },
  },
  keys: {},
};
