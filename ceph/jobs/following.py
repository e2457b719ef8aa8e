"""Follows a pool until it is where it is to be, for jobs: a round is a look at it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from ceph.clusters import trying_again
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterError, ClusterUnavailable
from ceph.pool_changes.progress import (
    DEFAULT_SETTLE_SECONDS,
    NO_MANAGER,
    Course,
    Journey,
    Look,
    Osds,
    Pg,
    PgStates,
    all_clean,
    check_target,
    gone_on,
    message,
    objects_away,
    own_pool,
    pause_seconds,
    set_out,
    settle_seconds,
    states_of,
)
from ceph.pools import all_pools, osds_of_pg, pgs_of
from ceph.state import Pool, checks_of
from jobs import Pause, Round

STATES_COST_SHARE = 10


@dataclass(frozen=True)
class FollowSettings:
    """The settings of each job that follows a pool."""

    round_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 1.0


def checkpoint_of(course: Course) -> dict[str, object]:
    """What a job that has `course` among its keyword-only parameters leaves behind."""
    return {"course": asdict(course)}


def told_before(course: Course | None, if_aborted: str) -> Round:
    """What a silence before the next look is told beside: where the task stands."""
    if course is None:
        return Round()
    return Round(percent=course.best_percent, if_aborted=if_aborted)


def follow(
    cluster: Cluster, course: Course, settings: FollowSettings, if_aborted: str
) -> Generator[Round | Pause, None, Journey]:
    """Looks at the pool until it has been in place for long enough; returns its journey.

    `if_aborted` is what goes on without the task. Raises ClusterError: ClusterRefused where the pool is gone,
    TargetChanged where somebody else has set something else.
    """
    observer = Observer(cluster, course)
    last = told_before(course, if_aborted)
    journey: Journey | None = None
    while True:
        look = yield from trying_again(observer.look, last)
        journey = gone_on(journey, look) if journey else set_out(course, look)
        settle = observer.settle_seconds if journey.arrived_at is not None else DEFAULT_SETTLE_SECONDS
        yield (last := _round(journey, settle, if_aborted))
        if journey.has_settled(settle):
            return journey
        yield Pause(pause_seconds(settings.round_seconds, journey.still_seconds()))


def _round(journey: Journey, settle: float, if_aborted: str) -> Round:
    return Round(
        percent=journey.course.best_percent,
        message=message(journey, settle),
        checkpoint=checkpoint_of(journey.course),
        if_aborted=if_aborted,
    )


class Observer:
    """Looks at the pool of a course."""

    def __init__(self, cluster: Cluster, course: Course) -> None:
        self._cluster = cluster
        self._course = course
        self._settle_seconds: float | None = None
        self._places = Places(cluster)
        self._states: PgStates | None = None
        self._states_again_at = 0.0
        self._manager_error = ""

    @property
    def settle_seconds(self) -> float:
        """By the periods of the manager; asked when the first pool seems to be in place, since it answers then."""
        if self._settle_seconds is None:
            self._settle_seconds = _settle_seconds(self._cluster)
        return self._settle_seconds

    def look(self) -> Look:
        """Raises ClusterError, where the monitors are silent as well; a silent manager is part of the look."""
        at_seconds = time.monotonic()
        status = self._cluster.ask("status")
        self._places.know(status["osdmap"]["epoch"])
        pool = own_pool(all_pools(self._cluster), self._course)
        check_target(pool, self._course.target)
        is_fresh = self._read_states(pool, at_seconds)
        return Look(
            at_seconds=at_seconds,
            pool=pool,
            states=self._states,
            is_fresh=is_fresh,
            objects_away=objects_away(status["pgmap"]),
            checks=checks_of(status["health"]),
            manager_error=self._manager_error if status["mgrmap"]["available"] else NO_MANAGER,
        )

    def _read_states(self, pool: Pool, now: float) -> bool:
        """Whether the states were read now.

        The list of all PGs of a large cluster is megabytes, and takes its manager as long to make as us to get: it is
        asked for a tenth of the time at most. A manager that was silent is asked again after as long a pause.
        """
        if now < self._states_again_at:
            return False
        try:
            self._states, self._manager_error = self._told_states(pool), ""
            share = STATES_COST_SHARE
        except ClusterUnavailable as error:
            if not error.is_silence:
                raise
            self._states, self._manager_error = None, error.words
            share = 1
        ended = time.monotonic()
        self._states_again_at = ended + share * (ended - now)
        return self._states is not None

    def _told_states(self, pool: Pool) -> PgStates:
        """Where all seems to be in place, and only there, it is worth a question for each PG to know."""
        pgs = pgs_of(self._cluster, pool)
        states = states_of(pgs)
        if pool.has_arrived and all_clean(pool, states):
            return states_of(pgs, self._places.of(pgs))
        return states


class Places:
    """Where PGs belong by the map of OSDs, each asked for once as long as that is the same map."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._epoch = 0
        self._osds: dict[str, Osds] = {}

    def know(self, epoch: int) -> None:
        """This is the number of the map now."""
        if epoch != self._epoch:
            self._epoch, self._osds = epoch, {}

    def of(self, pgs: Sequence[Pg]) -> Mapping[str, Osds]:
        """By the ids of the PGs. Raises ClusterError."""
        for pg in pgs:
            if pg.id not in self._osds:
                self._osds[pg.id] = osds_of_pg(self._cluster, pg.id)
        return self._osds


def _settle_seconds(cluster: Cluster) -> float:
    try:
        manager = f"mgr.{cluster.ask('mgr dump')['active_name']}"
        periods = [
            float(cluster.ask("config show", passed_on=True, who=manager, key=key))
            for key in ("mgr_tick_period", "mgr_stats_period")
        ]
    except (ClusterError, TypeError, ValueError):  # a manager that does not say, in a cluster that may not let us ask
        return DEFAULT_SETTLE_SECONDS
    return settle_seconds(*periods)
