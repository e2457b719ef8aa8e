/** The jobs whose results have a view of their own, with its title, what stands beside that, and how it is drawn. */

import { MEASURES_IMAGES } from "../../state/clusters/jobs.js";
import { csvButton, performanceView } from "../clusters/performance.js";

const RESULTS = {
  [MEASURES_IMAGES]: {
    title: "Performance",
    aside: ({ open, act }) => csvButton(open, act),
    view: ({ open, curves, act }) => performanceView(open, curves, act),
  },
};

/** Returns what is shown of the results of a job; undefined if that is only their JSON. */
export function resultsOf(job) {
  return Object.hasOwn(RESULTS, job) ? RESULTS[job] : undefined;
}
