/**
 * The complete views: `needs`, what each loads from the server (server/needs.js), and `view(state, act, now)`, which draws it
 * below the dialogs. A new view is a line here, one in state/views.js, and its own modules in state/, server/ and views/.
 */

import { serveClusters } from "./server/clusters.js";
import { serveElsewhere } from "./server/elsewhere.js";
import { serveHome } from "./server/home.js";
import { VIEWS as KNOWN } from "./state/views.js";
import { imagesView } from "./views/clusters/images.js";
import { poolsView } from "./views/clusters/pools.js";
import { homeView } from "./views/home/home.js";

const IN_FULL = {
  home: { needs: [serveHome, serveElsewhere], view: homeView },
  pools: { needs: [serveClusters, serveElsewhere], view: poolsView },
  images: { needs: [serveClusters], view: imagesView },
};

export const VIEWS = KNOWN.map((view) => ({ ...view, ...IN_FULL[view.name] }));
