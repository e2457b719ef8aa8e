/** Calls of the server's REST interface. Each returns the answer, or throws a Problem. */

const BASE = "/openattic/api/";
const LONGEST_MILLISECONDS = 30000;
const QUICK_MILLISECONDS = 8000;
/** For an answer that is not JSON, such as a proxy's own page. */
const NOT_OURS = { detail: "Something between this page and the server, perhaps a proxy, answered instead." };
const MOST_DELETED = 10000;
const MOST_IDS = 1000;

/** Thrown if the server refuses a call, or cannot be reached (`status` 0). The message is for people; `errors` say what was
 * expected, by field. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.non_field_errors?.join(" ") ?? body.detail ?? body.title ?? `The server answered with status ${status}.`);
    this.status = status;
    this.errors = body.errors ?? {};
  }
}

/** Called for each answer, with its `Date` and its revision, if it has one. */
let noted = () => {};

export function onAnswer(callback) {
  noted = callback;
}

async function call(method, path, body, signal = AbortSignal.timeout(LONGEST_MILLISECONDS)) {
  const answer = await sent(method, path, body, signal);
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Problem(answer.status, content ?? {});
  if (content === null && answer.status !== 204) throw new Problem(answer.status, NOT_OURS);
  noted(answer.headers.get("Date"), content?.revision);
  return content;
}

async function sent(method, path, body, signal) {
  const request = { method, cache: "no-store", signal };
  if (body !== undefined) {
    request.headers = { "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  try {
    return await fetch(BASE + path, request);
  } catch {
    throw new Problem(0, { detail: "The server cannot be reached at the moment." });
  }
}

export function signIn(credentials) {
  return call("POST", "auth", credentials);
}

export function signOut() {
  return call("DELETE", "auth");
}

/** Returns the store and its revision. Throws a Problem if the session has ended or the server cannot be reached. */
export function ask() {
  return call("GET", "taskqueue?pageSize=1", undefined, AbortSignal.timeout(QUICK_MILLISECONDS));
}

/** Returns what changed after a revision, as a frame; waits at most `wait` seconds for a change. */
export function getChanges(since, wait, signal) {
  return call("GET", `taskqueue/changes?since=${since}&wait=${wait}`, undefined, signal);
}

// Tasks.

/** Returns the tasks of a job that have not ended. */
export async function pendingOf(job) {
  return (await call("GET", `taskqueue?job=${job}&status=Not+Started&status=Running&pageSize=100`)).results;
}

/** Returns a page of a list: `{statuses, search, ordering, page, pageSize}` (task_list.js). */
export function listTasks(request) {
  const query = filters(request);
  for (const name of ["ordering", "page", "pageSize"]) query.append(name, request[name]);
  return call("GET", `taskqueue?${query}`);
}

function filters({ statuses, search }) {
  const query = new URLSearchParams(statuses.map((status) => ["status", status]));
  if (search) query.append("search", search);
  return query;
}

export function getTask(id) {
  return call("GET", `taskqueue/${id}`);
}

/** Returns `{ results, next }`: rounds after a number; `next` is null if there are no later ones. */
export async function getRounds(id, after) {
  const { results, next = null } = await call("GET", `taskqueue/${id}/rounds?after=${after}`);
  return { results, next };
}

export async function getInterruptions(id) {
  return (await call("GET", `taskqueue/${id}/interruptions`)).results;
}

export function createTask(submission) {
  return call("POST", "taskqueue", submission);
}

export function retryTask(id) {
  return call("POST", `taskqueue/${id}/retry`);
}

export function pinTask(id, pinned) {
  return call("PUT", `taskqueue/${id}`, { pinned });
}

/** Kills the worker of a task that is stopping, without waiting for its last round. A task that has stopped is left alone. */
export function stopNow(id) {
  return call("DELETE", `taskqueue/${id}?force=true&if_status=stopping`);
}

/** Deletes or aborts tasks that are still `expected` ("pending" or "final"). */
export async function deleteTasks(ids, expected) {
  const results = [];
  for (let at = 0; at < ids.length; at += MOST_IDS) {
    const query = new URLSearchParams(ids.slice(at, at + MOST_IDS).map((id) => ["id", id]));
    query.append("if_status", expected);
    results.push(...(await call("DELETE", `taskqueue?${query}`)).results);
  }
  return results;
}

/** Deletes or aborts all tasks that match and have not been created or ended since revision `asOf`, 10,000 at a time; yields
 * each answer. */
export async function* deleteMatching(request, asOf) {
  const query = filters(request);
  query.append("as_of", asOf);
  let results;
  do {
    results = (await call("DELETE", `taskqueue?${query}`)).results;
    yield results;
  } while (results.length === MOST_DELETED);
}

// The service.

export async function listJobs() {
  return (await call("GET", "jobs")).results;
}

/** Returns a page of choices, from the address in the JSON Schema. */
export function listChoices(url) {
  return call("GET", url.slice(BASE.length));
}

export function getWorkers() {
  return call("GET", "workers");
}

/** Returns `{ status, version, problems }`: what is wrong with the service, in sentences. Its address is not part of
 * the API. */
export function getHealth() {
  return call("GET", "../health");
}

export function getStatistics() {
  return call("GET", "statistics");
}

// Clusters. If one does not answer, the server returns what it last read.

export async function listClusters() {
  return (await call("GET", "ceph")).results;
}

/** Returns a page of a view's rows (state/clusters/clusters.js); `path` is "pools" or "rbds". */
export function listOfCluster(path, { fsid, search, ordering, page, size }) {
  const query = new URLSearchParams({ ordering, page, pageSize: size, stale: true });
  if (search) query.append("search", search);
  return call("GET", `ceph/${fsid}/${path}?${query}`);
}

export function getPool(fsid, id) {
  return call("GET", `ceph/${fsid}/pools/${id}?stale=true`);
}

export function createPool(fsid, pool) {
  return call("POST", `ceph/${fsid}/pools`, pool);
}

export function setPgs(fsid, id, count) {
  return call("PUT", `ceph/${fsid}/pools/${id}`, { pg_num: count });
}

/** Returns the impact of setting a number of PGs, without changing anything. */
export function considerPgs(fsid, id, count) {
  return call("PUT", `ceph/${fsid}/pools/${id}?dry_run=true`, { pg_num: count });
}

/** Returns the changes in a cluster without a task. */
export async function listChanges(fsid) {
  return (await call("GET", `ceph/${fsid}/changes?stale=true`)).results;
}

/** Starts a task that follows a pool's change begun elsewhere. */
export function followPool(fsid, id) {
  return call("POST", `ceph/${fsid}/pools/${id}/follow`);
}

export function getPerformance(fsid, wanted) {
  return call("POST", `ceph/${fsid}/rbds/performance`, wanted);
}
