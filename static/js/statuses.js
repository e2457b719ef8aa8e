/** The five statuses of a task and the three tabs that show them. */

export const NOT_STARTED = "Not Started";
export const RUNNING = "Running";
export const FINISHED = "Finished";
export const EXCEPTION = "Exception";
export const ABORTED = "Aborted";

export const PAGE_SIZE = 100;

/** What each tab shows, and in which order the server lists it: the newest first. */
export const TABS = {
  pending: { title: "Pending", statuses: [NOT_STARTED, RUNNING], ordering: "-id" },
  failed: { title: "Failed", statuses: [EXCEPTION, ABORTED], ordering: "-last_modified" },
  finished: { title: "Finished", statuses: [FINISHED], ordering: "-last_modified" },
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

/** How many tasks of a tab there are; null while the counts are not known yet. */
export function countOf(tab, counts) {
  if (counts === null) return null;
  return TABS[tab].statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
}
