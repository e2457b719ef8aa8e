/** Loads what Home needs besides its lists: the workers, the last hour, and the health of the service. */

import { isAtHome } from "../state/place.js";
import * as change from "../state/state.js";
import * as api from "./api.js";
import { askRepeatedly } from "./loader.js";

const WORKERS_MILLISECONDS = 2000;
const STATISTICS_MILLISECONDS = 5000;
const HEALTH_MILLISECONDS = 10000;

/** Returns a function to call whenever the state may have changed, like all needs (needs.js). */
export function serveHome({ getState, update, failed }) {
  async function load(name, get) {
    try {
      update(change.withLoaded, name, await get());
    } catch (problem) {
      failed(problem, (text) => update(change.withLoadError, name, text));
    }
  }

  /** Returns whether Home is visible; under the dialog it is loaded once and then rests. */
  function isWanted() {
    const { phase, isLeaving, place, workers, statistics } = getState();
    const isCovered = place.tab !== null && workers !== null && statistics !== null;
    return phase === "live" && !isLeaving && !isCovered && isAtHome(place);
  }

  const needs = [
    askRepeatedly(() => load("workers", api.getWorkers), isWanted, WORKERS_MILLISECONDS),
    askRepeatedly(() => load("statistics", api.getStatistics), isWanted, STATISTICS_MILLISECONDS),
    askRepeatedly(() => load("health", api.getHealth), isWanted, HEALTH_MILLISECONDS),
  ];
  return () => needs.forEach((serve) => serve());
}
