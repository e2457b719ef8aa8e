"""The names of the jobs on clusters, for those who start or recognize their tasks without importing the jobs."""

from __future__ import annotations

CREATE_POOL = "pool_create"
CHANGE_PGS = "pool_pgs"
MEASURE_IMAGES = "rbd_performance"
