"""Asks a cluster's manager for what its images do, and knows when an answer can be believed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ceph.cluster import Cluster
from ceph.modules import explained
from ceph.samples import ORDERS, Answer, answer_of
from jobs.errors import ClusterRefused

COMMAND = "rbd perf image stats"
DEFAULT_PERIOD_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 20.0
"""Who has not asked for 60 s has to begin anew."""


class PerformanceQuery:
    """What the images of pools do, asked again and again with one handle, at least each KEEP_ALIVE_SECONDS.

    A manager has the OSDs count from the first question on. Until then, and where another manager has taken over, its
    answer is empty, which looks as if nothing went on. So it is cold at first, and warm when figures have come, or when
    they would have come if there were any: after two of the manager's periods.

    Each pool is asked for by itself: an answer holds 64 images, of one pool then, not of all.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._warm: set[str] = set()
        self._epoch: int | None = None
        self._warm_at = 0.0

    def ask(self, pools: Sequence[str]) -> list[Answer] | None:
        """An answer for each pool; None while it is cold. Raises ClusterError."""
        self._look_at_manager()
        answers = [self._answer(pool) for pool in pools]
        self._warm |= {answer.pool for answer in answers if answer.rows}
        return answers if self._warm.issuperset(pools) or time.monotonic() >= self._warm_at else None

    def _look_at_manager(self) -> None:
        stat = self._cluster.ask("mgr stat")
        if stat["epoch"] != self._epoch:
            self._epoch = stat["epoch"]
            self._warm = set()
            self._warm_at = time.monotonic() + 2 * period_seconds(self._cluster, stat["active_name"]) + 2

    def _answer(self, pool: str) -> Answer:
        return answer_of(pool, {order: self._reply(pool, order) for order in ORDERS})

    def _reply(self, pool: str, order: str) -> Any:
        try:
            return self._cluster.ask_manager(COMMAND, pool_spec=pool, sort_by=order)
        except ClusterRefused as refused:
            raise explained(self._cluster, refused) from refused.__cause__


def period_seconds(cluster: Cluster, manager: str) -> float:
    """How often the manager has new figures. Raises ClusterUnavailable."""
    with suppress(ClusterRefused, ValueError):
        return float(cluster.command("config show", passed_on=True, who=f"mgr.{manager}", key="mgr_stats_period"))
    return DEFAULT_PERIOD_SECONDS
