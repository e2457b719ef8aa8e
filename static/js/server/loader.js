/** Keeps what is on the screen loaded, and only that: lists when they are stale, and what is asked for every so often. */

import { isAnswered } from "../state/tasks/task_list.js";

const SHORTEST_GAP = 250;
const HELD_GAP = 1000;
const RETRY_GAP = 5000;
/** A list takes at most this share of the time, however long the server needs for it. */
const SHARE = 4;

/**
 * Loads lists one request at a time: at once where the person has asked for something else or where nothing was loaded
 * for a while, else after a gap, so that a busy server is not asked for each change.
 *
 * `visible()` are the names of those on the screen, `getList(name)` is one as it is now, `isHeld(name)` whether its rows wait
 * for the person, `load(name)` loads it and resolves when that is over, `retry(name)` is called some time after it failed.
 */
export function keepLists({ visible, getList, isHeld, load, retry }) {
  const lastEnd = new Map();
  const gaps = new Map();
  const timers = new Map();
  const busy = new Map();

  function serve() {
    for (const name of visible()) serveOne(name);
  }

  function serveOne(name) {
    const list = getList(name);
    if (list === null || document.hidden) return;
    if (list.searchError) return;
    if (list.error) return later(name, RETRY_GAP, () => retry(name));
    if (!list.isStale || list.loading !== null) return;
    if (isAnswered(list)) return later(name, gapBefore(name), () => serveNow(name));
    if (!isTyping(list, busy.get(name))) serveNow(name);
  }

  /** While somebody types, each request waits for the one before. */
  function isTyping({ query }, asked) {
    return asked !== undefined && query.tab === asked.tab && query.search !== asked.search;
  }

  function gapBefore(name) {
    const gap = Math.max(gaps.get(name) ?? 0, isHeld(name) ? HELD_GAP : SHORTEST_GAP);
    return Math.max(0, (lastEnd.get(name) ?? 0) + gap - performance.now());
  }

  function later(name, milliseconds, act) {
    if (timers.has(name)) return;
    const timer = setTimeout(() => {
      timers.delete(name);
      if (visible().includes(name)) act();
    }, milliseconds);
    timers.set(name, timer);
  }

  async function serveNow(name) {
    const list = getList(name);
    if (list === null || !list.isStale || list.loading !== null || document.hidden) return;
    clearTimeout(timers.get(name));
    timers.delete(name);
    const began = performance.now();
    busy.set(name, list.query);
    await load(name);
    if (busy.get(name) === list.query) busy.delete(name);
    lastEnd.set(name, performance.now());
    gaps.set(name, SHARE * (performance.now() - began));
    serve();
  }

  return serve;
}

/**
 * Calls `load` at once and then every so many milliseconds (a number, or a function that says how many), as long as
 * `isWanted()`; a hidden page rests.
 * Returns a function that is called whenever that may have changed.
 */
export function keepAsking(load, isWanted, milliseconds) {
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
