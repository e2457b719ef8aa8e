/**
 * The views in full: what each needs of the server (server/needs.js), and how it is drawn below the dialogs. A new view is a
 * line here, one in state/views.js, and its own modules in state/, server/ and views/.
 */

import { serveClusters } from "../server/clusters.js";
import { serveElsewhere } from "../server/elsewhere.js";
import { serveHome } from "../server/home.js";
import { VIEWS as KNOWN } from "../state/views.js";
import { clusterView } from "./clusters/clusters.js";
import { homeView } from "./home/home.js";

const SHOWN = {
  home: { needs: [serveHome, serveElsewhere], view: homeView },
  pools: { needs: [serveClusters, serveElsewhere], view: clusterView },
  images: { needs: [serveClusters], view: clusterView },
};

export const VIEWS = KNOWN.map((view) => ({ ...view, ...SHOWN[view.name] }));

/** `view(state, act, now)` draws it. */
export function viewNamed(name) {
  return VIEWS.find((view) => view.name === name);
}
