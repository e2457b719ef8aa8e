/** Calls of the server's REST interface. Every one of them returns what was answered, or throws a Problem. */

import { PAGE_SIZE, TABS } from "./statuses.js";

const BASE = "/openattic/api/";
const LONGEST_MILLISECONDS = 30000;

/** What the server refused, or that it could not be reached (`status` 0). The message is for people. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.non_field_errors?.join(" ") ?? body.detail ?? body.title ?? `The server answered ${status}.`);
    this.status = status;
  }
}

async function call(method, path, body) {
  const answer = await sent(method, path, body);
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, content);
  return content;
}

async function sent(method, path, body) {
  const request = { method, cache: "no-store", signal: AbortSignal.timeout(LONGEST_MILLISECONDS) };
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

/** The first page of a tab. */
export function listTasks(tab) {
  const { statuses, ordering } = TABS[tab];
  const query = new URLSearchParams(statuses.map((status) => ["status", status]));
  query.append("ordering", ordering);
  query.append("pageSize", PAGE_SIZE);
  return call("GET", `taskqueue?${query}`);
}

/** Throws a Problem unless we are signed in and the server is there. */
export function ask() {
  return call("GET", "taskqueue?pageSize=1");
}

/** Deletes or aborts tasks that are still `expected` ("pending" or "final"). */
export async function deleteTasks(ids, expected) {
  if (ids.length === 0) return [];
  const query = new URLSearchParams(ids.map((id) => ["id", id]));
  query.append("if_status", expected);
  return (await call("DELETE", `taskqueue?${query}`)).results;
}
