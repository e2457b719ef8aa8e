"""How far a pool has come toward a number of PGs, and whether it has arrived. Pure; times are arguments, in seconds.

A manager carries out a new number step by step: it splits or merges PGs (`pg_num`), then places their data again
(`pgp_num`), and the OSDs move that data until each PG is clean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ceph.errors import ClusterRefused, TargetChanged
from ceph.state import Check, Pool
from jobs.text import counted

POOL_GONE_ERRNO = 2
MOST_PERCENT = 99
"""The limit until the change is known to be complete: 100 means done."""
STEP_WEIGHT = 40
LEAST_SETTLE_SECONDS = 5.0
SETTLE_MARGIN_SECONDS = 3.0
DEFAULT_SETTLE_SECONDS = 10.0
STANDSTILL_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 30.0
WAITING_FOR_OSDS = "waiting for new OSDs"
"""The state of a PG whose new OSDs have not reported yet."""

Osds = tuple[tuple[int, ...], tuple[int, ...]]
"""The OSDs on which a PG is to be, and those that serve it until then."""


class PgTarget(Struct, frozen=True, kw_only=True, rename={"pg_num": "target"}):
    """The start and target of a PG change: what a task needs to resume.

    It is stored in checkpoints, so the names of its fields in JSON are fixed. `began_at` is in seconds since 1970.
    `is_set` means that the target was set: if the pool has another one, somebody else has set that.
    """

    pool_id: int
    pool: str
    pg_num_from: int
    pgp_num_from: int
    pg_num: int
    began_at: float
    is_set: bool = False
    best_percent: int = 0

    @property
    def is_change(self) -> bool:
        """Returns whether the pool did not have the number from the beginning."""
        return not self.pg_num_from == self.pgp_num_from == self.pg_num


class Pg(Struct, frozen=True):
    """A PG as the OSD that last led it reported it to the manager, and on which OSDs it was then."""

    id: str
    state: str
    osds: Osds


class PgStates(Struct, frozen=True):
    """How many PGs of a pool are in each state (`active+clean`, `peering`), as its manager reports it."""

    by_state: Mapping[str, int]

    @property
    def count(self) -> int:
        return sum(self.by_state.values())

    @property
    def clean(self) -> int:
        return sum(count for state, count in self.by_state.items() if is_clean(state))

    @property
    def not_clean(self) -> str:
        """Returns `12 PGs unknown, 1 PG peering`, most frequent first; empty if all are clean."""
        others = Counter({state: count for state, count in self.by_state.items() if not is_clean(state)})
        return ", ".join(f"{counted(count, 'PG')} {state}" for state, count in others.most_common())


class Observation(Struct, frozen=True, kw_only=True):
    """A pool and its cluster at one moment; `at_seconds` is monotonic.

    `states` is None if the manager does not report them; `is_fresh` means that they were read for this observation.
    `objects_away` counts objects of the whole cluster that are misplaced or lack copies.
    """

    at_seconds: float
    pool: Pool
    states: PgStates | None = None
    is_fresh: bool = True
    objects_away: int = 0
    checks: Sequence[Check] = ()
    manager_error: str = ""

    def has_arrived(self, pg_num: int) -> bool:
        """Returns whether everything is in place at this moment, which may be a moment too early."""
        if self.states is None:
            return False
        return self.pool.has_arrived and self.pool.pg_num == pg_num and all_clean(self.pool, self.states)


class Progress(Struct, frozen=True, kw_only=True):
    """How far a pool has come: the last observation, when something last moved, and since when it is in place.

    `reported_states` are the last ones that the manager reported.
    """

    target: PgTarget
    last: Observation
    reported_states: PgStates | None
    moved_at: float
    arrived_at: float | None = None

    @classmethod
    def start(cls, target: PgTarget, first: Observation) -> Progress:
        """Returns the progress after the first observation."""
        progress = cls(target=target, last=first, reported_states=first.states, moved_at=first.at_seconds)
        return progress.advance(first)

    def advance(self, observation: Observation) -> Progress:
        """Returns the progress after another observation."""
        reported_states = observation.states or self.reported_states
        best_percent = max(self.target.best_percent, percent(self.target, observation))
        return Progress(
            target=replace(self.target, best_percent=best_percent),
            last=observation,
            reported_states=reported_states,
            moved_at=observation.at_seconds if self._has_moved(observation, reported_states) else self.moved_at,
            arrived_at=self._arrived_at(observation),
        )

    def still_seconds(self) -> float:
        """Returns how long nothing had moved at the last observation."""
        return self.last.at_seconds - self.moved_at

    def has_settled(self, settle_seconds: float) -> bool:
        """Returns whether the pool has arrived and has been observed in place for long enough."""
        if self.arrived_at is None or not self.last.is_fresh:
            return False
        return self.last.at_seconds - self.arrived_at >= settle_seconds

    def _has_moved(self, observation: Observation, reported_states: PgStates | None) -> bool:
        """Returns whether anything has moved. A manager that falls silent, or repeats its last report, is no
        movement."""
        return (
            observation.objects_away != self.last.objects_away
            or reported_states != self.reported_states
            or _numbers(observation.pool) != _numbers(self.last.pool)
        )

    def _arrived_at(self, observation: Observation) -> float | None:
        """Returns since when everything has been in place. Stale states may predate the last step: they can cancel an
        arrival but not start one."""
        if not observation.has_arrived(self.target.pg_num):
            return None
        if self.arrived_at is None and observation.is_fresh:
            return observation.at_seconds
        return self.arrived_at


def _numbers(pool: Pool) -> tuple[int, ...]:
    return pool.pg_num, pool.pg_num_pending, pool.pgp_num


# States of PGs


def is_clean(state: str) -> bool:
    """Returns whether a PG in this state is clean; it may be scrubbed meanwhile."""
    return state.startswith("active+clean")


def states_of(pgs: Sequence[Pg], mapped: Mapping[str, Osds] | None = None) -> PgStates:
    """Counts PGs by state. `mapped` gives the OSDs on which they belong, by PG id, as far as that was asked.

    The manager keeps reporting the last state of a PG whose new OSDs have not reported yet. If one of those hangs, the
    PG would be taken for clean: so it counts as waiting, whatever state is reported.
    """
    mapped = mapped or {}
    return PgStates(Counter(pg.state if pg.osds == mapped.get(pg.id, pg.osds) else WAITING_FOR_OSDS for pg in pgs))


def all_clean(pool: Pool, states: PgStates) -> bool:
    """Returns whether all PGs that the pool has now are reported clean."""
    return states.clean == states.count == pool.pg_num


# Numbers


def percent(target: PgTarget, observation: Observation) -> int:
    """Returns 0 to 99: 40 for `pg_num`, 40 for `pgp_num`, the rest for clean PGs once both have arrived.

    A number that was right from the beginning has no weight: a pool that only has to become clean is measured by its
    PGs alone.
    """
    pool, states = observation.pool, observation.states
    steps = list(_steps(target, pool))
    done = sum(STEP_WEIGHT * share for share in steps)
    if pool.pg_num == pool.pgp_num == target.pg_num and states:
        done += (100 - STEP_WEIGHT * len(steps)) * min(states.clean / target.pg_num, 1)
    return min(int(done), MOST_PERCENT)


def _steps(target: PgTarget, pool: Pool) -> Iterator[float]:
    for begin, now in (target.pg_num_from, pool.pg_num), (target.pgp_num_from, pool.pgp_num):
        if begin != target.pg_num:
            yield min(max((now - begin) / (target.pg_num - begin), 0), 1)


def settle_seconds(tick_seconds: float, stats_seconds: float) -> float:
    """Returns how long a pool has to be observed in place, given the periods of its manager.

    What a manager reports is old by up to its tick and its reports. With less time, pools with data were taken for
    clean a second too early.
    """
    return max(LEAST_SETTLE_SECONDS, tick_seconds + stats_seconds + SETTLE_MARGIN_SECONDS)


def pause_seconds(round_seconds: float, still_seconds: float) -> float:
    """Returns how long to wait before the next round: longer if nothing moves, so that a day of that adds few
    rounds."""
    if still_seconds < STANDSTILL_SECONDS:
        return round_seconds
    return max(round_seconds, min(still_seconds / 10, LONGEST_PAUSE_SECONDS))


# What must not have happened meanwhile


def pool_of(pools: Sequence[Pool], target: PgTarget) -> Pool:
    """Returns the pool of this target, even if it was renamed. Raises ClusterRefused if it was removed."""
    return present_pool(pools, target.pool_id, target.pool)


def present_pool(pools: Sequence[Pool], pool_id: int, name: str) -> Pool:
    """Returns the pool of this id. Raises ClusterRefused if it was removed; `name` is its last known one."""
    found = next((pool for pool in pools if pool.id == pool_id), None)
    if found is not None:
        return found
    other = next((pool for pool in pools if pool.name == name), None)
    replaced = f", and the pool of that name now is another one, {other.id}" if other else ""
    raise ClusterRefused(f"pool {pool_id} ({name}) was removed{replaced}", POOL_GONE_ERRNO)


def check_target(pool: Pool, pg_num: int) -> None:
    """Raises TargetChanged if another target was set for the pool."""
    if pool.pg_num_target != pg_num:
        what, now = "PGs", pool.pg_num_target
    elif pool.pgp_num_target != pg_num:
        what, now = "PGs for placement (pgp_num)", pool.pgp_num_target
    else:
        return
    hint = "; its autoscaler is on" if pool.autoscale == "on" else ""
    raise TargetChanged(
        f"somebody else set the number of {what} of pool {pool.name} to {now} meanwhile, "
        f"this task wanted {pg_num}{hint}"
    )
