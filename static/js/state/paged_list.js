/**
 * A page of a list as the server returns it: what the lists of tasks and of clusters have in common. Pure.
 *
 * `query` is what is wanted, with its `page` and `size`; `answered` is the query that the rows belong to (null: none yet),
 * `count` the number of rows on all pages. `loading` is the pending request, with its `number`; a list that `isStale` has to
 * be requested again. `searchError` is why the server refused the search, `error` any other reason why there was no answer.
 */

const NO_ERRORS = Object.freeze({ error: "", searchError: "" });

/** Returns a list that has not been requested yet; `rows` are its own properties. */
export function unanswered(query, rows) {
  return { query, answered: null, count: 0, isStale: true, loading: null, ...NO_ERRORS, ...rows };
}

/** Returns the list for another query; it keeps its rows until the new ones arrive. */
export function asking(list, query) {
  return isSame(list.query, query) ? list : { ...list, query, loading: null, isStale: true, ...NO_ERRORS };
}

export function isSame(query, other) {
  return query !== null && other !== null && Object.keys(query).every((key) => query[key] === other[key]);
}

/** Returns whether the rows belong to the present query. */
export function isAnswered(list) {
  return isSame(list.answered, list.query);
}

/** Notes that a request begins. Only the answer to the last one counts. */
export function loadBegan(list, loading) {
  return { ...list, isStale: false, loading };
}

/** Returns whether an answer to this request is still expected. */
export function isExpected(list, number) {
  return list?.loading?.number === number;
}

/** Adds the rows of an answer. */
export function answeredWith(list, rows) {
  return { ...list, answered: list.query, loading: null, ...NO_ERRORS, ...rows };
}

/** Notes that a request failed. `errors` are the server's, by parameter: one about the search is shown at its field. */
export function loadFailed(list, number, error, { search = [] } = {}) {
  if (!isExpected(list, number)) return list;
  const failure = search.length > 0 ? { error: "", searchError: search.join(" ") } : { error, searchError: "" };
  return { ...list, loading: null, ...failure };
}

/** Requests a list again that could not be loaded. */
export function retried(list) {
  return list?.error ? { ...list, error: "", isStale: true } : list;
}

/** Returns the number of pages; a lower bound if the count is not exact. */
export function pagesOf({ count, query }) {
  return Math.max(1, Math.ceil(count / query.size));
}

/** Returns the page to show instead of one that has no `rows` any more, since some were removed; otherwise null. */
export function pageInstead(list, rows) {
  if (!isAnswered(list) || rows.length > 0 || list.query.page === 1) return null;
  return Math.min(pagesOf(list), list.query.page - 1);
}
