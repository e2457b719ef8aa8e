/** Loads what is on the screen, and only that: lists when they are stale, other things at intervals. */

import { isAnswered } from "../state/paged_list.js";

const SHORTEST_GAP = 250;
const HELD_GAP = 1000;
const RETRY_GAP = 5000;
/** The gap after a request is this many times as long as the request took, so that a slow server is not overloaded. */
const SHARE = 4;

/**
 * Loads lists, each by one request at a time. Returns a function to call whenever one of them may have changed.
 *
 * `visible()` returns the names of those on the screen, `getList(name)` a list as it is now, `isHeld(name)` whether its rows
 * stand still; `load(name)` loads it and resolves when that is over, `retry(name)` is called some time after it failed.
 */
export function loadLists({ visible, getList, isHeld, load, retry }) {
  const loaders = new Map();

  function loaderOf(name) {
    const list = {
      isVisible: () => visible().includes(name),
      get: () => getList(name),
      isHeld: () => isHeld(name),
      load: () => load(name),
      retry: () => retry(name),
    };
    return listLoader(list, serve);
  }

  function serve() {
    for (const name of visible()) {
      if (!loaders.has(name)) loaders.set(name, loaderOf(name));
      loaders.get(name)();
    }
  }

  return serve;
}

/**
 * Returns a function that loads one list: at once if its query has changed or nothing was loaded for a while, otherwise after a
 * gap, so that a busy server does not get a request for each change. `loaded()` is called after each request.
 */
function listLoader({ isVisible, get, isHeld, load, retry }, loaded) {
  let lastEnd = 0;
  let lastGap = 0;
  let timer = null;
  let asked = null;

  function serve() {
    const list = get();
    if (list === null || document.hidden || list.searchError) return;
    if (list.error) return later(RETRY_GAP, retry);
    if (!list.isStale || list.loading !== null) return;
    if (isAnswered(list)) return later(untilNext(), serveNow);
    if (!isTyping(list)) serveNow();
  }

  /** Returns whether only the search has changed: while somebody types, each request waits for the one before. */
  function isTyping({ query }) {
    return asked !== null && query.tab === asked.tab && query.search !== asked.search;
  }

  function untilNext() {
    const gap = Math.max(lastGap, isHeld() ? HELD_GAP : SHORTEST_GAP);
    return Math.max(0, lastEnd + gap - performance.now());
  }

  function later(milliseconds, act) {
    timer ??= setTimeout(() => {
      timer = null;
      if (isVisible()) act();
    }, milliseconds);
  }

  async function serveNow() {
    const list = get();
    if (list === null || !list.isStale || list.loading !== null || document.hidden) return;
    clearTimeout(timer);
    timer = null;
    const began = performance.now();
    asked = list.query;
    await load();
    if (asked === list.query) asked = null;
    lastEnd = performance.now();
    lastGap = SHARE * (lastEnd - began);
    loaded();
  }

  return serve;
}

/**
 * Calls `load` at once and then at intervals of `milliseconds` (a number, or a function that returns one), as long as
 * `isWanted()`; a hidden page rests. Returns a function to call whenever that may have changed.
 */
export function askRepeatedly(load, isWanted, milliseconds) {
  let timer = null;
  const wanted = () => !document.hidden && isWanted();

  async function round() {
    await load();
    timer = setTimeout(() => {
      timer = null;
      serve();
    }, typeof milliseconds === "function" ? milliseconds() : milliseconds);
  }

  function serve() {
    if (timer !== null || !wanted()) return;
    timer = 0;
    round();
  }

  return serve;
}
