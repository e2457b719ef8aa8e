"""Follows a pool until a PG change is complete, for jobs: each round observes it once."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from ceph.clusters import retry_while_silent
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterError, ClusterUnavailable
from ceph.pool_changes.progress import (
    DEFAULT_SETTLE_SECONDS,
    Observation,
    Osds,
    Pg,
    PgStates,
    PgTarget,
    Progress,
    all_clean,
    check_target,
    pause_seconds,
    pool_of,
    settle_seconds,
    states_of,
)
from ceph.pool_changes.progress_text import NO_MANAGER, message
from ceph.pools import all_pools, osds_of_pg, pgs_of
from ceph.state import Pool, objects_away, parse_checks
from jobs import Pause, Round

STATES_COST_SHARE = 10
"""After reading the states of all PGs the manager is left alone for this many times as long as that took."""


@dataclass(frozen=True)
class FollowSettings:
    """The settings of each job that follows a pool."""

    round_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 1.0


def checkpoint_of(target: PgTarget) -> dict[str, object]:
    """Returns the checkpoint of a job that has `course` among its keyword-only parameters.

    Tasks that are stored have that name in their checkpoints, so it stays.
    """
    return {"course": msgspec.to_builtins(target)}


def round_before_first_look(target: PgTarget | None, if_aborted: str) -> Round:
    """Returns the round to repeat while the cluster is silent before the first observation."""
    if target is None:
        return Round()
    return Round(percent=target.best_percent, if_aborted=if_aborted)


def follow(
    cluster: Cluster, target: PgTarget, settings: FollowSettings, if_aborted: str
) -> Generator[Round | Pause, None, Progress]:
    """Observes the pool until it has been in place for long enough; returns its progress then.

    `if_aborted` is what continues without the task. Raises ClusterError: ClusterRefused if the pool was removed,
    TargetChanged if somebody else has set another number.
    """
    observer = Observer(cluster, target)
    last = round_before_first_look(target, if_aborted)
    progress: Progress | None = None
    while True:
        observation = yield from retry_while_silent(observer.observe, last)
        progress = progress.advance(observation) if progress else Progress.start(target, observation)
        settle = observer.settle_seconds if progress.arrived_at is not None else DEFAULT_SETTLE_SECONDS
        last = Round(
            percent=progress.target.best_percent,
            message=message(progress, settle),
            checkpoint=checkpoint_of(progress.target),
            if_aborted=if_aborted,
        )
        yield last
        if progress.has_settled(settle):
            return progress
        yield Pause(pause_seconds(settings.round_seconds, progress.still_seconds()))


class Observer:
    """Observes the pool of a target."""

    def __init__(self, cluster: Cluster, target: PgTarget) -> None:
        self._cluster = cluster
        self._target = target
        self._settle_seconds: float | None = None
        self._pg_map = PgMapCache(cluster)
        self._states: PgStates | None = None
        self._states_again_at = 0.0
        self._manager_error = ""

    @property
    def settle_seconds(self) -> float:
        """Returns how long a pool is observed in place, by the periods of the manager. It is asked once the pool first
        seems to be in place, since it answers then."""
        if self._settle_seconds is None:
            self._settle_seconds = _settle_seconds(self._cluster)
        return self._settle_seconds

    def observe(self) -> Observation:
        """Raises ClusterError, also if the monitors are silent; a silent manager is part of the observation."""
        at_seconds = time.monotonic()
        status = self._cluster.ask("status")
        self._pg_map.use_epoch(status["osdmap"]["epoch"])
        pool = pool_of(all_pools(self._cluster), self._target)
        check_target(pool, self._target.pg_num)
        is_fresh = self._read_states(pool, at_seconds)
        return Observation(
            at_seconds=at_seconds,
            pool=pool,
            states=self._states,
            is_fresh=is_fresh,
            objects_away=objects_away(status["pgmap"]),
            checks=parse_checks(status["health"]),
            manager_error=self._manager_error if status["mgrmap"]["available"] else NO_MANAGER,
        )

    def _read_states(self, pool: Pool, now: float) -> bool:
        """Returns whether the states were read now.

        The list of all PGs of a large cluster is megabytes, and takes its manager as long to make as us to receive: it
        is asked for a tenth of the time at most. A manager that was silent is asked again after as long a pause.
        """
        if now < self._states_again_at:
            return False
        try:
            self._states, self._manager_error = self._fetch_states(pool), ""
            share = STATES_COST_SHARE
        except ClusterUnavailable as error:
            if not error.is_silence:
                raise
            self._states, self._manager_error = None, error.text
            share = 1
        ended = time.monotonic()
        self._states_again_at = ended + share * (ended - now)
        return self._states is not None

    def _fetch_states(self, pool: Pool) -> PgStates:
        """Asks where each PG belongs, but only if all seem to be in place: it takes a question for each PG."""
        pgs = pgs_of(self._cluster, pool)
        states = states_of(pgs)
        if pool.has_arrived and all_clean(pool, states):
            return states_of(pgs, self._pg_map.osds_of(pgs))
        return states


class PgMapCache:
    """Where PGs belong by the map of OSDs: each is asked for once as long as the map stays the same."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._epoch = 0
        self._osds: dict[str, Osds] = {}

    def use_epoch(self, epoch: int) -> None:
        """Forgets everything if this is another map than before."""
        if epoch != self._epoch:
            self._epoch, self._osds = epoch, {}

    def osds_of(self, pgs: Sequence[Pg]) -> Mapping[str, Osds]:
        """Returns the OSDs by the ids of the PGs. Raises ClusterError."""
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
    except (ClusterError, TypeError, ValueError):  # the manager does not answer, or the key does not permit it
        return DEFAULT_SETTLE_SECONDS
    return settle_seconds(*periods)
