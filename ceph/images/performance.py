"""Asks a cluster's manager what its images do, and knows when an answer can be trusted."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from errno import EAGAIN
from typing import Any

from msgspec import Struct

from ceph.connection.cluster import Cluster
from ceph.connection.manager_module import explained
from ceph.connection.query_budget import QueryBudget
from ceph.errors import ClusterRefused
from ceph.images.samples import ORDERS, Answer, answer_of
from ceph.pools import all_pools

COMMAND = "rbd perf image stats"
EVERYTHING = ""
"""The spec that means all pools."""
DEFAULT_PERIOD_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 20.0
"""How often to ask at least: the manager forgets a query after 60 s."""
MOST_APART = 4
"""The pools and namespaces about which one measurement asks separately: for each, OSDs match each operation against six
patterns. `ceph.connection.query_budget` limits all measurements together."""
RBD = "rbd"
"""The application of the pools that an answer about everything covers."""


class Group(Struct, frozen=True):
    """The images in one namespace of a pool: `path` is theirs without the name, `pool` the pool's present name."""

    path: str
    pool: str
    namespace: str = ""

    @property
    def descriptor(self) -> str:
        """Returns the manager's name for it."""
        return f"{self.pool}/{self.namespace}" if self.namespace else self.pool

    @property
    def can_be_named(self) -> bool:
        """Returns whether the manager accepts that name: it allows no `/` in the names of pools and namespaces."""
        return "/" not in self.pool and "/" not in self.namespace

    def is_like_one_of(self, pools: Collection[str]) -> bool:
        """Returns whether the manager may use the same name for something in another pool."""
        return any(self.descriptor.startswith(f"{pool}/") for pool in pools if pool != self.pool)


class PerformanceQuery:
    """Asks repeatedly what images do, with one handle, at least every KEEP_ALIVE_SECONDS.

    A manager has the OSDs count from the first query on. Until then, and after another manager has taken over, its
    answer is empty, as if all images were idle. So a query is cold at first, and warm once figures have come, or would
    have come if there were any: after two of the manager's periods. The same applies after a pool is renamed.

    One query about everything covers all groups. Groups that its answer does not cover completely, because it is full
    or their pool lacks the application rbd, are queried separately, up to MOST_APART of them, as far as `budget`
    allows.
    """

    def __init__(self, cluster: Cluster, budget: QueryBudget | None = None) -> None:
        self.cluster = cluster
        self._budget = budget or QueryBudget()
        self._is_held_back = False
        self._epoch: object = None
        self._cold_seconds = 0.0
        self._warm: set[str] = set()
        self._warm_at: dict[str, float] = {}
        self._apart_warm_at: dict[str, float] = {}
        self._rbd_pools: Collection[str] = ()
        self.refusals: dict[str, ClusterRefused] = {}
        """Why the manager did not answer about groups, by their paths."""

    def ask(self, groups: Sequence[Group], pools: Collection[str]) -> list[Answer] | None:
        """Returns an answer for each group; None while it is cold. `pools` are the names of all existing pools.

        Figures stay unknown if the manager refuses a group or does not accept its name. Raises ClusterError:
        ClusterRefused if it refuses everything.
        """
        self._check_manager()
        self.refusals = {}
        self._is_held_back = False
        answers = self._together(groups, pools)
        for group in self._to_be_asked_apart(groups, answers):
            answers[group.path] = self._apart(group) or answers[group.path]
        if groups and len(self.refusals) == len(groups) and not self._is_held_back:
            refused = next(iter(self.refusals.values()))
            raise explained(self.cluster, refused) from refused.__cause__
        self._note_busy({group.descriptor for group in groups if answers[group.path].rows})
        are_warm = [self._is_warm(group) for group in groups]  # each of them, since their times begin here
        return list(answers.values()) if all(are_warm) else None

    def _check_manager(self) -> None:
        """Starts again if another manager has taken over."""
        try:
            stat = self.cluster.ask("mgr stat")
        except ClusterRefused:  # the key may only see single pools; then `_note_busy` uses the figures
            stat = {"epoch": "unknown", "active_name": None}
        if stat["epoch"] != self._epoch:
            self._epoch = stat["epoch"]
            self._start_again(stat["active_name"])

    def _start_again(self, manager: str | None) -> None:
        self._cold_seconds = 2 * period_seconds(self.cluster, manager) + 2
        self._warm, self._warm_at, self._apart_warm_at = set(), {}, {}
        with suppress(ClusterRefused):
            self._rbd_pools = {pool.name for pool in all_pools(self.cluster) if RBD in pool.applications}

    def _note_busy(self, busy: set[str]) -> None:
        """Records busy groups. If the manager is unknown, figures that all vanish at once may mean a new one."""
        if self._epoch == "unknown" and self._warm and not busy:
            self._start_again(None)
        self._warm |= busy

    def _is_warm(self, group: Group) -> bool:
        warm_at = self._warm_at.setdefault(group.descriptor, time.monotonic() + self._cold_seconds)
        return group.descriptor in self._warm or time.monotonic() >= warm_at

    def _together(self, groups: Sequence[Group], pools: Collection[str]) -> dict[str, Answer]:
        """Returns what the answer about everything says about each group, by path."""
        everything = self._everything(groups)
        answers = {}
        for group in groups:
            is_covered = bool(everything) and group.pool in self._rbd_pools and not group.is_like_one_of(pools)
            unknown = Answer(group.path, {}, is_full=True)
            answers[group.path] = answer_of(group.path, everything, group.descriptor) if is_covered else unknown
        return answers

    def _everything(self, groups: Sequence[Group]) -> Mapping[str, Any]:
        """Returns the replies about everything; nothing if they are refused, or a single group is queried instead."""
        if len(groups) == 1 and groups[0].can_be_named and self._may_ask(groups[0]):
            return {}
        try:
            return self._replies(EVERYTHING)
        except ClusterRefused as error:
            self._note_refused(groups, error)
            return {}

    def _to_be_asked_apart(self, groups: Sequence[Group], answers: Mapping[str, Answer]) -> list[Group]:
        """Returns the groups that are not completely known, busiest first; a group once queried separately stays so."""
        unknown = [group for group in groups if answers[group.path].is_full and group.can_be_named]
        warm_at = time.monotonic() + self._cold_seconds
        for group in sorted(unknown, key=lambda group: -len(answers[group.path].rows)):
            if len(self._apart_warm_at) < MOST_APART:
                self._apart_warm_at.setdefault(group.descriptor, warm_at)
        apart = [group for group in unknown if group.descriptor in self._apart_warm_at]
        return [group for group in apart if self._may_ask(group)]

    def _may_ask(self, group: Group) -> bool:
        may_ask = self._budget.may_ask(group.descriptor)
        self._is_held_back |= not may_ask
        return may_ask

    def _apart(self, group: Group) -> Answer | None:
        """Returns the answer about a group; None while it is cold or if it is refused."""
        try:
            answer = answer_of(group.path, self._replies(group.descriptor))
        except ClusterRefused as error:
            self._note_refused([group], error)
            return None
        self.refusals.pop(group.path, None)
        if answer.rows:
            self._apart_warm_at[group.descriptor] = 0
        return answer if time.monotonic() >= self._apart_warm_at[group.descriptor] else None

    def _note_refused(self, groups: Iterable[Group], error: ClusterRefused) -> None:
        """Records a refusal; raises it if it is only temporary."""
        if error.errno == EAGAIN:
            raise error
        self.refusals |= {group.path: error for group in groups}

    def _replies(self, spec: str) -> Mapping[str, Any]:
        return {order: self.cluster.ask_manager(COMMAND, pool_spec=spec, sort_by=order) for order in ORDERS}


def period_seconds(cluster: Cluster, manager: str | None) -> float:
    """Returns how often the manager has new figures. Raises ClusterUnavailable."""
    if manager is not None:
        with suppress(ClusterRefused, ValueError):
            answer = cluster.command("config show", passed_on=True, who=f"mgr.{manager}", key="mgr_stats_period")
            return float(answer)
    return DEFAULT_PERIOD_SECONDS
