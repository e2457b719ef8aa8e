"""Asks a cluster's manager for what its images do, and knows when an answer can be believed."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from errno import EAGAIN
from typing import Any

from msgspec import Struct

from ceph.cluster import Cluster
from ceph.modules import explained
from ceph.samples import ORDERS, Answer, answer_of
from jobs.errors import ClusterRefused

COMMAND = "rbd perf image stats"
EVERYTHING = ""
"""The manager's word for all pools."""
DEFAULT_PERIOD_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 20.0
"""Who has not asked for 60 s has to begin anew."""


class Group(Struct, frozen=True):
    """The images of a pool that are in one namespace: `path` is theirs without the name, `pool` the name it has now."""

    path: str
    pool: str
    namespace: str = ""

    @property
    def descriptor(self) -> str:
        """What the manager calls it."""
        return f"{self.pool}/{self.namespace}" if self.namespace else self.pool

    @property
    def can_be_named(self) -> bool:
        """Whether the manager understands that, since it takes no `/` in names."""
        return "/" not in self.pool and "/" not in self.namespace

    def is_like_one_of(self, pools: Collection[str]) -> bool:
        """Whether the manager may call something in another pool by the same words."""
        return any(self.descriptor.startswith(f"{pool}/") for pool in pools if pool != self.pool)


class PerformanceQuery:
    """What images do, asked again and again with one handle, at least each KEEP_ALIVE_SECONDS.

    A manager has the OSDs count from the first question on. Until then, and where another manager has taken over, its
    answer is empty, which looks as if nothing went on. So it is cold at first, and warm when figures have come, or when
    they would have come if there were any: after two of the manager's periods. The same again if a pool is renamed.

    Each group is asked for by itself: an answer holds 64 images, of one group then, not of all.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._epoch: object = None
        self._cold_seconds = 0.0
        self._warm: set[str] = set()
        self._warm_at: dict[str, float] = {}
        self._everything: dict[str, Any] | None = None
        self.refusals: dict[str, ClusterRefused] = {}
        """Why the manager did not answer about groups, by their paths."""

    def ask(self, groups: Sequence[Group], pools: Collection[str]) -> list[Answer] | None:
        """Returns an answer for each group; None while it is cold. `pools` are the names of all that there are.

        What the manager does not tell of a group, because it refuses or because of its name, is not known. Raises
        ClusterError, ClusterRefused if it refuses everything.
        """
        self._look_at_manager()
        self._everything, self.refusals = None, {}
        answers = [self._answer(group, pools) for group in groups]
        if groups and len(self.refusals) == len(groups):
            refused = next(iter(self.refusals.values()))
            raise explained(self.cluster, refused) from refused.__cause__
        self._note_busy({group.descriptor for group, answer in zip(groups, answers, strict=True) if answer.rows})
        are_warm = [self._is_warm(group) for group in groups]  # each of them, since their times begin here
        return answers if all(are_warm) else None

    def _look_at_manager(self) -> None:
        """Begins anew with another manager."""
        try:
            stat = self.cluster.ask("mgr stat")
        except ClusterRefused:  # the key of a client that may see single pools; `_note_busy` goes by the figures then
            stat = {"epoch": "unknown", "active_name": None}
        if stat["epoch"] != self._epoch:
            self._epoch = stat["epoch"]
            self._begin_anew(stat["active_name"])

    def _begin_anew(self, manager: str | None) -> None:
        self._cold_seconds = 2 * period_seconds(self.cluster, manager) + 2
        self._warm, self._warm_at = set(), {}

    def _note_busy(self, busy: set[str]) -> None:
        """If nobody says which manager it is, figures that all vanish at once may be those of one that is new."""
        if self._epoch == "unknown" and self._warm and not busy:
            self._begin_anew(None)
        self._warm |= busy

    def _is_warm(self, group: Group) -> bool:
        warm_at = self._warm_at.setdefault(group.descriptor, time.monotonic() + self._cold_seconds)
        return group.descriptor in self._warm or time.monotonic() >= warm_at

    def _answer(self, group: Group, pools: Collection[str]) -> Answer:
        unknown = Answer(group.path, {}, is_full=True)
        try:
            if group.can_be_named:
                return answer_of(group.path, self._replies(group.descriptor))
            if group.is_like_one_of(pools):
                return unknown
            if self._everything is None:
                self._everything = self._replies(EVERYTHING)
            return answer_of(group.path, self._everything, group.descriptor)
        except ClusterRefused as error:
            if error.errno == EAGAIN:
                raise
            self.refusals[group.path] = error
            return unknown

    def _replies(self, spec: str) -> dict[str, Any]:
        return {order: self.cluster.ask_manager(COMMAND, pool_spec=spec, sort_by=order) for order in ORDERS}


def period_seconds(cluster: Cluster, manager: str | None) -> float:
    """Returns how often the manager has new figures. Raises ClusterUnavailable."""
    if manager is not None:
        with suppress(ClusterRefused, ValueError):
            answer = cluster.command("config show", passed_on=True, who=f"mgr.{manager}", key="mgr_stats_period")
            return float(answer)
    return DEFAULT_PERIOD_SECONDS
