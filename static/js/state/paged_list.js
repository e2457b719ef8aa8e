/**
 * A page of a list as the server answers it: what the lists of tasks and of clusters have in common. Pure.
 *
 * `query` is what is asked for, with its `page` and `size`; `answered` is the query that the rows answer (null: none yet),
 * `count` how many rows there are on all pages. `loading` is the request under way, with its `number`; what is `isStale`
 * has to be asked for again. `searchError` is what the server has against the search, `error` any other reason why there
 * was no answer.
 */

const NO_ERRORS = Object.freeze({ error: "", searchError: "" });

/** Makes a list that was not asked for yet; `rows` is what it holds of its own. */
export function unanswered(query, rows) {
  return { query, answered: null, count: 0, isStale: true, loading: null, ...NO_ERRORS, ...rows };
}

/** Returns the same list for another query, with its rows until the others are there. */
export function asking(list, query) {
  return isSame(list.query, query) ? list : { ...list, query, loading: null, isStale: true, ...NO_ERRORS };
}

export function isSame(query, other) {
  return query !== null && other !== null && Object.keys(query).every((key) => query[key] === other[key]);
}

/** Returns whether the rows answer what is asked for now. */
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

/** `errors` are the server's by parameter: one that is about the search belongs to its field. */
export function loadFailed(list, number, error, { search = [] } = {}) {
  if (!isExpected(list, number)) return list;
  const failure = search.length > 0 ? { error: "", searchError: search.join(" ") } : { error, searchError: "" };
  return { ...list, loading: null, ...failure };
}

/** Asks again for a list that could not be loaded. */
export function retried(list) {
  return list?.error ? { ...list, error: "", isStale: true } : list;
}

/** Returns how many pages there are; at least as many if the count is not exact. */
export function pagesOf({ count, query }) {
  return Math.max(1, Math.ceil(count / query.size));
}

/** Returns the last page, if an answer without `rows` lies behind it because rows have gone. Else null. */
export function pageInstead(list, rows) {
  if (!isAnswered(list) || rows.length > 0 || list.query.page === 1) return null;
  return Math.min(pagesOf(list), list.query.page - 1);
}
