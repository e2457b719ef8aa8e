/** The jobs whose results have their own view, with its title, what is shown beside that, and how it is drawn. */

import { MEASURES_IMAGES } from "../../state/clusters/jobs.js";
import { csvButton, performanceView } from "../clusters/performance.js";

const RESULTS = {
  [MEASURES_IMAGES]: {
    title: "Performance",
    aside: ({ open, act }) => csvButton(open, act),
    view: ({ open, curves, act }) => performanceView(open, curves, act),
  },
};

/** Returns the view of a job's results; undefined if they are only shown as JSON. */
export function resultsOf(job) {
  return Object.hasOwn(RESULTS, job) ? RESULTS[job] : undefined;
}
