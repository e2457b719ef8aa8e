"""How far a pool is on its way to a number of PGs: what has moved, whether it has arrived, what stands in its way.

Pure; times are arguments, in seconds. A manager carries a new number out step by step: it splits or merges PGs
(`pg_num`), then lets their data be placed anew (`pgp_num`), and the OSDs move it until each PG is clean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ceph.errors import ClusterRefused, TargetChanged
from ceph.state import Check, Pool

POOL_GONE_ERRNO = 2
MOST_PERCENT = 99
"""Until it is known to hold: 100 says that it is done."""
STEP_WEIGHT = 40
LEAST_SETTLE_SECONDS = 5.0
SETTLE_MARGIN_SECONDS = 3.0
DEFAULT_SETTLE_SECONDS = 10.0
STANDSTILL_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 30.0
MOST_CAUSE_CHARACTERS = 500
NO_MANAGER = "no active mgr"
"""The words of the health check as well, which a cluster in its first two minutes leaves out."""
MANAGER_DOWN = "MGR_DOWN"
ADVICE = frozenset({"POOL_APP_NOT_ENABLED", "POOL_NO_REDUNDANCY", "POOL_PG_NUM_NOT_POWER_OF_TWO", "TOO_FEW_PGS"})
"""Health checks that hold up nothing."""
MOVED = "waiting for new OSDs"


Osds = tuple[tuple[int, ...], tuple[int, ...]]
"""Where a PG is to be, and where it is read and written until then."""


class Course(Struct, frozen=True, kw_only=True):
    """From where a pool sets out and where it is to come: what a task has to know to go on.

    `began_at` is in seconds since 1970; `is_set` says that the target was set, and is somebody else's if it changes.
    """

    pool_id: int
    pool: str
    pg_num_from: int
    pgp_num_from: int
    target: int
    began_at: float
    is_set: bool = False
    best_percent: int = 0

    @property
    def has_way_to_go(self) -> bool:
        return not self.pg_num_from == self.pgp_num_from == self.target


class Pg(Struct, frozen=True):
    """A PG as the OSD that last led it has told the manager, and on which OSDs it was then."""

    id: str
    state: str
    osds: Osds


class PgStates(Struct, frozen=True):
    """How many PGs of a pool are in each state (`active+clean`, `peering`), as its manager told it."""

    by_state: Mapping[str, int]

    @property
    def count(self) -> int:
        return sum(self.by_state.values())

    @property
    def clean(self) -> int:
        return sum(count for state, count in self.by_state.items() if is_clean(state))

    @property
    def not_clean(self) -> str:
        """`12 PGs unknown, 1 PG peering`, the most first; empty where all are clean."""
        others = Counter({state: count for state, count in self.by_state.items() if not is_clean(state)})
        return ", ".join(f"{count} {'PG' if count == 1 else 'PGs'} {state}" for state, count in others.most_common())


class Look(Struct, frozen=True, kw_only=True):
    """What was seen of a pool and its cluster at a moment of a clock that never goes back.

    `states` is None where the manager does not tell; `is_fresh` says that they were not told before this look.
    `objects_away` are those of the whole cluster that are not where they are to be, or lack copies.
    """

    at_seconds: float
    pool: Pool
    states: PgStates | None = None
    is_fresh: bool = True
    objects_away: int = 0
    checks: Sequence[Check] = ()
    manager_error: str = ""

    def has_arrived(self, target: int) -> bool:
        """Whether all is as it is to be at this moment, which may be a moment too early."""
        if self.states is None:
            return False
        return self.pool.has_arrived and self.pool.pg_num == target and all_clean(self.pool, self.states)


class Journey(Struct, frozen=True, kw_only=True):
    """What is known of a pool on its course: its last look, since when nothing has moved, since when it is there."""

    course: Course
    look: Look
    told_states: PgStates | None
    moved_at: float
    arrived_at: float | None = None

    def still_seconds(self) -> float:
        """For how long nothing had moved at the last look."""
        return self.look.at_seconds - self.moved_at

    def has_settled(self, settle_seconds: float) -> bool:
        """Whether it has arrived and has been seen so for long enough."""
        if self.arrived_at is None or not self.look.is_fresh:
            return False
        return self.look.at_seconds - self.arrived_at >= settle_seconds


def is_clean(state: str) -> bool:
    """A PG that is scrubbed is clean as well."""
    return state.startswith("active+clean")


def set_out(course: Course, look: Look) -> Journey:
    """The journey at its first look."""
    begun = Journey(course=course, look=look, told_states=look.states, moved_at=look.at_seconds)
    return gone_on(begun, look)


def gone_on(journey: Journey, look: Look) -> Journey:
    """The journey at its next look."""
    course = journey.course
    told_states = look.states or journey.told_states
    return Journey(
        course=replace(course, best_percent=max(course.best_percent, percent(course, look))),
        look=look,
        told_states=told_states,
        moved_at=look.at_seconds if _has_moved(journey, look, told_states) else journey.moved_at,
        arrived_at=_arrived_at(journey, look),
    )


def _has_moved(journey: Journey, look: Look, told_states: PgStates | None) -> bool:
    """A manager that falls silent moves nothing, and neither does one that tells again what it told before."""
    before = journey.look
    return (
        look.objects_away != before.objects_away
        or told_states != journey.told_states
        or _numbers(look.pool) != _numbers(before.pool)
    )


def _numbers(pool: Pool) -> tuple[int, ...]:
    return pool.pg_num, pool.pg_num_pending, pool.pgp_num


def _arrived_at(journey: Journey, look: Look) -> float | None:
    """States that are not fresh may be older than the last step: they end an arrival, but begin none."""
    if not look.has_arrived(journey.course.target):
        return None
    if journey.arrived_at is None and look.is_fresh:
        return look.at_seconds
    return journey.arrived_at


# States of PGs


def states_of(pgs: Sequence[Pg], mapped: Mapping[str, Osds] | None = None) -> PgStates:
    """How many PGs are in each state. `mapped` says by id where they belong, as far as that was asked.

    The manager goes on telling the last state of a PG whose new OSD has not spoken yet: one that hangs would be taken
    to have it clean. Such a PG is in none of the states that are told of it.
    """
    mapped = mapped or {}
    return PgStates(Counter(pg.state if pg.osds == mapped.get(pg.id, pg.osds) else MOVED for pg in pgs))


def all_clean(pool: Pool, states: PgStates) -> bool:
    """Whether the PGs that the pool has now are told to be clean, all of them."""
    return states.clean == states.count == pool.pg_num


# Progress


def percent(course: Course, look: Look) -> int:
    """From 0 to 99: 40 for `pg_num`, 40 for `pgp_num`, the rest for clean PGs once both are there.

    A number that has no way to go weighs nothing: a pool that is only to become clean is measured by its PGs alone.
    """
    steps = list(_steps(course, look.pool))
    done = sum(STEP_WEIGHT * share for share in steps)
    if look.pool.pg_num == look.pool.pgp_num == course.target and look.states:
        done += (100 - STEP_WEIGHT * len(steps)) * min(look.states.clean / course.target, 1)
    return min(int(done), MOST_PERCENT)


def _steps(course: Course, pool: Pool) -> Iterator[float]:
    for begin, now in (course.pg_num_from, pool.pg_num), (course.pgp_num_from, pool.pgp_num):
        if begin != course.target:
            yield min(max((now - begin) / (course.target - begin), 0), 1)


def settle_seconds(tick_seconds: float, stats_seconds: float) -> float:
    """How long a pool has to be seen in place, by the periods of its manager.

    What it tells is old by up to its tick and its reports. Looked at less long, pools with data were taken to be clean
    a second too early.
    """
    return max(LEAST_SETTLE_SECONDS, tick_seconds + stats_seconds + SETTLE_MARGIN_SECONDS)


def pause_seconds(round_seconds: float, still_seconds: float) -> float:
    """How long to wait before the next look: longer where nothing moves, so that a day of that leaves few rounds."""
    if still_seconds < STANDSTILL_SECONDS:
        return round_seconds
    return max(round_seconds, min(still_seconds / 10, LONGEST_PAUSE_SECONDS))


# Words


def message(journey: Journey, settle_seconds: float) -> str:
    """`PGs 40 of 64, placed 22 of 64, clean 18; nothing has moved for 20 s: no active mgr (MGR_DOWN)`."""
    return "; ".join(filter(None, [_numbers_told(journey), _state_told(journey, settle_seconds)]))


def _numbers_told(journey: Journey) -> str:
    return f"{steps_text(journey)}, clean {journey.look.states.clean if journey.look.states else 'unknown'}"


def steps_text(journey: Journey) -> str:
    """`PGs 40 of 64, placed 22 of 64`, without a number that was told to become another one than the course says."""
    pool, target = journey.look.pool, journey.course.target
    told = []
    if pool.pg_num_target == target:
        told.append(f"PGs {_of(pool.pg_num, target)}")
    if pool.pgp_num_target == target and not journey.course.pgp_num_from == pool.pgp_num == target:
        told.append(f"placed {_of(pool.pgp_num, target)}")
    return ", ".join(told)


def _of(now: int, target: int) -> str:
    return f"{now} down to {target}" if now > target else f"{now} of {target}"


def _state_told(journey: Journey, settle_seconds: float) -> str:
    if journey.arrived_at is not None:
        return f"all in place, looking for {settle_seconds:g} s whether it stays so"
    return standstill_text(journey)


def standstill_text(journey: Journey) -> str:
    """`nothing has moved for 20 s: no active mgr (MGR_DOWN)`; "" while something does."""
    if journey.still_seconds() < STANDSTILL_SECONDS:
        return ""
    return f"nothing has moved for {journey.still_seconds():.0f} s: {cause(journey.look)}"


def cause(look: Look) -> str:
    """What stands in the way, the manager first: without it nothing moves."""
    checks = [check for check in look.checks if check.code not in ADVICE]
    first = [check for check in checks if check.code == MANAGER_DOWN or check.code.startswith("OSD_")]
    rest = [check for check in checks if check not in first]
    silence = "" if any(check.code == MANAGER_DOWN for check in checks) else look.manager_error
    in_the_way = look.states.not_clean if look.states else ""
    causes = [silence, *map(_told, first), in_the_way, *map(_told, rest)]
    text = "; ".join(filter(None, causes)) or "the cluster does not say why"
    return text if len(text) <= MOST_CAUSE_CHARACTERS else f"{text[: MOST_CAUSE_CHARACTERS - 1]}…"


def _told(check: Check) -> str:
    return f"{check.summary} ({check.code})"


# What must not have happened meanwhile


def own_pool(pools: Sequence[Pool], course: Course) -> Pool:
    """The pool of this course, renamed or not. Raises ClusterRefused if it is gone."""
    return present_pool(pools, course.pool_id, course.pool)


def present_pool(pools: Sequence[Pool], pool_id: int, name: str) -> Pool:
    """The pool of this id. Raises ClusterRefused if it is gone: `pool 5 (rbd) was removed`; `name` is its last known
    one."""
    found = next((pool for pool in pools if pool.id == pool_id), None)
    if found is not None:
        return found
    other = next((pool for pool in pools if pool.name == name), None)
    replaced = f", and the pool of that name now is another one, {other.id}" if other else ""
    raise ClusterRefused(f"pool {pool_id} ({name}) was removed{replaced}", POOL_GONE_ERRNO)


def check_target(pool: Pool, target: int) -> None:
    """Raises TargetChanged where the pool is to become something else."""
    if pool.pg_num_target != target:
        what, now = "PGs", pool.pg_num_target
    elif pool.pgp_num_target != target:
        what, now = "PGs for placement (pgp_num)", pool.pgp_num_target
    else:
        return
    hint = "; its autoscaler is on" if pool.autoscale == "on" else ""
    raise TargetChanged(
        f"somebody else set the number of {what} of pool {pool.name} to {now} meanwhile, "
        f"this task wanted {target}{hint}"
    )


def objects_away(pgmap: Mapping[str, Any]) -> int:
    """From the `pgmap` of a cluster's status, which names only what there is."""
    return sum(pgmap.get(f"{what}_objects", 0) for what in ("misplaced", "degraded", "unfound"))
