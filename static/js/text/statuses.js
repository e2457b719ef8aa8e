/** The five statuses of a task and the three tabs that show them. */

export const NOT_STARTED = "Not Started";
export const RUNNING = "Running";
export const FINISHED = "Finished";
export const EXCEPTION = "Exception";
export const ABORTED = "Aborted";

export const PAGE_SIZES = [10, 25, 50, 100];

/** An ordering that only the page knows: the database does not store estimates, and only running tasks have one. */
export const ESTIMATED = "estimated";

/** What each tab shows, what it can be sorted by, and its default ordering: the newest first. */
export const TABS = {
  pending: {
    title: "Pending",
    statuses: [NOT_STARTED, RUNNING],
    ordering: "-created",
    orderings: ["description", "created", "percent", ESTIMATED],
  },
  failed: {
    title: "Failed",
    statuses: [EXCEPTION, ABORTED],
    ordering: "-last_modified",
    orderings: ["description", "status", "created", "runtime", "last_modified"],
  },
  finished: {
    title: "Finished",
    statuses: [FINISHED],
    ordering: "-last_modified",
    orderings: ["description", "created", "runtime", "last_modified"],
  },
};

export function isPending(status) {
  return TABS.pending.statuses.includes(status);
}

export function isFailed(status) {
  return TABS.failed.statuses.includes(status);
}

export function isFinal(status) {
  return !isPending(status);
}

/** Returns how many tasks of a tab there are; null while the counts are not known yet. */
export function countOf(tab, counts) {
  if (counts === null) return null;
  return TABS[tab].statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
}
