/** The jobs that concern clusters, by their names on the server. */

const SETS_PGS = "pool_pgs";
export const CREATES_POOL = "pool_create";
export const MEASURES_IMAGES = "rbd_performance";

export const CLUSTER_JOBS = [SETS_PGS, CREATES_POOL, MEASURES_IMAGES];
