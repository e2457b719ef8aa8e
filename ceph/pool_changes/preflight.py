"""What a change of a pool's number of PGs would mean: what moves, what to consider, what is impossible. Pure.

How much moves, and how often, follows from how Ceph splits and merges PGs: OSDMap's `ceph_stable_mod`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil

from msgspec import Struct

from ceph.job_names import CHANGE_PGS, CREATE_POOL
from ceph.pool_changes.facts import Facts
from ceph.pools import MOST_PGS
from ceph.state import ClusterState, Pool
from jobs.model.task import Task

FIRST_RELEASE_THAT_MERGES = "nautilus"
"""Releases are named by the alphabet."""
LEAST_OSDS_COUNTED = 3
"""Monitors treat a cluster of fewer OSDs as if it had this many."""
FIRST_RELEASE_THAT_COUNTS_BY_RULE = "quincy"
MOST_NAMED = 10
HOLDING_UP = {
    "pause": "nobody can read or write",
    "pauserd": "nobody can read",
    "pausewr": "nobody can write",
    "norecover": "PGs do not recover",
    "nobackfill": "data does not move to other OSDs",
    "norebalance": "data that is only misplaced does not move",
    "noup": "OSDs that come back stay down",
    "noin": "OSDs that come back stay out",
}
"""Flags of a cluster that can keep a change from completing, with their meanings."""
SHORT_OF_SPACE = ("FULL", "NEARFULL", "BACKFILLFULL")
SECONDS_A_MERGE = 1


class PoolTask(Struct, frozen=True, kw_only=True):
    """A pending task on a pool. `pg_num` is the number of PGs that it sets, None if that is unknown."""

    id: int
    description: str
    creates: bool = False
    pg_num: int | None = None

    def __str__(self) -> str:
        return f"task {self.id}, {self.description}"


def pool_task(task: Task) -> PoolTask:
    """Returns what a pending task means for its pool; that of a chain is unknown, since it may do several things."""
    known = task.job in (CREATE_POOL, CHANGE_PGS)
    pg_num = json.loads(task.params)["pg_num"] if known else None
    return PoolTask(id=task.id, description=task.description, creates=task.job == CREATE_POOL, pg_num=pg_num)


class Caution(Struct, frozen=True):
    """What a person should know before."""

    code: str
    text: str


class Preflight(Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """What the change would do. `refused` says why it is impossible, None if it is not."""

    before: int
    after: int
    moves_bytes_at_most: int
    reversible: bool
    warnings: list[Caution]
    refused: str | None


def preflight(state: ClusterState, facts: Facts, pool: Pool, pg_num: int, pending: Sequence[PoolTask]) -> Preflight:
    """Returns what the change would do. `pending` are the tasks on this pool, in the order in which they run."""
    refused = out_of_range(pg_num) or impossible_now(state, pool, pg_num, pending)
    before = pool.pg_num_target
    return Preflight(
        before=before,
        after=pg_num,
        moves_bytes_at_most=0 if refused else moved_bytes_at_most(pool.used_bytes, before, pg_num),
        reversible=can_merge(state),
        warnings=[] if refused else list(_warnings(state, facts, pool, pg_num, pending)),
        refused=refused,
    )


def out_of_range(pg_num: int) -> str | None:
    """Returns why no pool can have this number of PGs; None if one can."""
    if 1 <= pg_num <= MOST_PGS:
        return None
    return f"A pool can have 1 to {MOST_PGS} PGs, not {pg_num}."


def impossible_now(state: ClusterState, pool: Pool, pg_num: int, pending: Sequence[PoolTask]) -> str | None:
    """Returns why this pool cannot get this number of PGs at present; None if it can."""
    if pending and pending[0].creates:
        return f"Pool {pool.name} is being created by {pending[0]}."
    if pg_num < pool.pg_num_target and not can_merge(state):
        return (
            f"The cluster runs {state.release}, which cannot merge PGs: the {pool.pg_num_target} PGs of pool "
            f"{pool.name} cannot become {pg_num}."
        )
    return None if pg_num == pool.pg_num_target else forbidden(pool, pg_num)


def forbidden(pool: Pool, pg_num: int) -> str | None:
    """Returns why the pool's settings forbid this number; None if they do not."""
    to_change = f"ceph osd pool set {pool.name}"
    if "nopgchange" in pool.flags:
        return f"Pool {pool.name} has the flag nopgchange; to remove it: {to_change} nopgchange false"
    if 0 < pg_num < pool.pg_num_min:
        return (
            f"Pool {pool.name} has a pg_num_min of {pool.pg_num_min}; to change that: {to_change} pg_num_min {pg_num}"
        )
    if 0 < pool.pg_num_max < pg_num:
        return (
            f"Pool {pool.name} has a pg_num_max of {pool.pg_num_max}; to change that: {to_change} pg_num_max {pg_num}"
        )
    if pg_num > pool.pg_num_target and pool.cache_mode != "none":
        return f"Pool {pool.name} is a cache (cache_mode {pool.cache_mode}), which only the ceph command can split."
    return None


def needs_task(pool: Pool, pg_num: int, pending: Sequence[PoolTask]) -> bool:
    """Returns whether a task is needed: the last pending task decides which number will be set."""
    return pg_num != (pending[-1].pg_num if pending else pool.pg_num_target)


def can_merge(state: ClusterState) -> bool:
    """Returns whether the number of PGs can be lowered, and a higher one therefore be undone."""
    return state.release >= FIRST_RELEASE_THAT_MERGES


# What moves


def moved_bytes_at_most(used_bytes: int, before: int, after: int) -> int:
    """Returns how much is copied to other OSDs at most if PGs are split or merged one by one.

    A PG that is split off as number n of now n + 1 takes half of its parent's data, which is one of 2^⌈log2(n + 1)⌉
    equal parts of the pool; merging moves it back the same way. The manager places new PGs in small steps, so the data
    of a PG may move again with the PGs that are split off from it later: from 8 to 64 that is half of the pool three
    times, whereas a single jump would move seven eighths of it once.
    """
    return ceil(used_bytes * _moved_share(min(before, after), max(before, after)))


def _moved_share(fewer: int, more: int) -> Fraction:
    """Returns the sum of 1 / 2^⌈log2 n⌉ for n from `fewer` + 1 to `more`, one power of two at a time."""
    share, count = Fraction(0), fewer
    while count < more:
        parts = 1 << count.bit_length()
        until = min(parts, more)
        share += Fraction(until - count, parts)
        count = until
    return share


# Warnings


def _warnings(
    state: ClusterState, facts: Facts, pool: Pool, pg_num: int, pending: Sequence[PoolTask]
) -> Iterator[Caution]:
    found = {
        "not_a_power_of_two": _uneven(pg_num),
        "too_many_pgs_per_osd": _too_many(state, facts, pool, pg_num),
        "shrinking_is_slow": _slow(pool, pg_num),
        "autoscaler_on": _autoscaled(pool),
        "health_err": _unwell(state),
        "nearfull": _short_of_space(state),
        "manager_silent": _unmanaged(state),
        "flags_set": _held_up(facts),
        "osds_down": _down(facts),
        "pgs_inactive": _inactive(facts, pool),
        "task_on_pool": _waits(pending),
    }
    yield from (Caution(code, text) for code, text in found.items() if text)


def _uneven(pg_num: int) -> str | None:
    above = 1 << pg_num.bit_length()
    if pg_num * 2 == above:
        return None
    even = f"with {above // 2} or {above} they all hold the same"
    return f"{pg_num} is not a power of two: some PGs will hold twice as much as others; {even}."


def _too_many(state: ClusterState, facts: Facts, pool: Pool, pg_num: int) -> str | None:
    """Counts as the monitors do when a number is raised: the targets of pools, with all copies."""
    if pg_num <= pool.pg_num_target:
        return None
    if facts.release < FIRST_RELEASE_THAT_COUNTS_BY_RULE:
        return _too_many_in_all(state, facts, pool, pg_num)
    return _too_many_of_rule(state, facts, pool, pg_num)


def _too_many_in_all(state: ClusterState, facts: Facts, pool: Pool, pg_num: int) -> str | None:
    """Counts as in Ceph 16: the PGs of all pools, on all OSDs that are in."""
    osds = max(state.osds_in, LEAST_OSDS_COUNTED)
    most = facts.most_pgs_per_osd * osds
    total = _total(state.pools, pool, pg_num)
    if total <= most:
        return None
    return (
        f"All pools together would have {total} PGs, copies included, and at most {most} are allowed "
        f"(mon_max_pg_per_osd {facts.most_pgs_per_osd} for each of {osds} OSDs): the cluster will refuse it."
    )


def _too_many_of_rule(state: ClusterState, facts: Facts, pool: Pool, pg_num: int) -> str | None:
    """Counts as since Ceph 17: the PGs of the pools with the same CRUSH rule, on its OSDs, rounded down for each."""
    osds = max(facts.osds_of_rule.get(pool.crush_rule, 0), LEAST_OSDS_COUNTED)
    total = _total([other for other in state.pools if other.crush_rule == pool.crush_rule], pool, pg_num)
    if total // osds <= facts.most_pgs_per_osd:
        return None
    return (
        f"All pools of its CRUSH rule together would have {total} PGs, copies included, on {osds} OSDs: "
        f"{total // osds} for each, and at most {facts.most_pgs_per_osd} are allowed (mon_max_pg_per_osd): the cluster "
        "will refuse it."
    )


def _total(pools: Sequence[Pool], pool: Pool, pg_num: int) -> int:
    """Returns how many PGs these pools would have with all copies, if `pool` had `pg_num`."""
    return pg_num * pool.size + sum(other.pg_num_target * other.size for other in pools if other.id != pool.id)


def _slow(pool: Pool, pg_num: int) -> str | None:
    merges = pool.pg_num_target - pg_num
    if merges <= 0:
        return None
    least = merges * SECONDS_A_MERGE
    return f"PGs are merged one after another: {merges} of them take {least} s at least, and longer with data."


def _autoscaled(pool: Pool) -> str | None:
    if pool.autoscale != "on":
        return None
    return (
        "The autoscaler is on for this pool and may change the number again; to stop it: "
        f"ceph osd pool set {pool.name} pg_autoscale_mode off"
    )


def _unwell(state: ClusterState) -> str | None:
    if state.health != "HEALTH_ERR":
        return None
    return f"The cluster is in HEALTH_ERR ({state.health_text}): resolve that first."


def _short_of_space(state: ClusterState) -> str | None:
    texts = [check.summary for check in state.checks if check.code.rpartition("_")[2] in SHORT_OF_SPACE]
    if not texts:
        return None
    return f"Space is short ({'; '.join(texts)}), and moving data temporarily needs more of it."


def _unmanaged(state: ClusterState) -> str | None:
    if state.manager_error is None:
        return None
    return f"The cluster accepts the number, but changes nothing until its manager answers ({state.manager_error})."


def _held_up(facts: Facts) -> str | None:
    """Names the flags in the order of `HOLDING_UP`."""
    found = [f"{flag} ({meaning})" for flag, meaning in HOLDING_UP.items() if flag in facts.flags]
    if not found:
        return None
    one = next(flag for flag in HOLDING_UP if flag in facts.flags)
    return f"Flags of the cluster can make it wait forever: {', '.join(found)}. To remove one: ceph osd unset {one}"


def _down(facts: Facts) -> str | None:
    count = len(facts.osds_down)
    if not count:
        return None
    named = ", ".join(f"osd.{number}" for number in facts.osds_down[:MOST_NAMED])
    more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
    return (
        f"{count} of {facts.osds} OSDs {'is' if count == 1 else 'are'} down ({named}{more}): "
        "PGs that belong there become clean only when they are back, or out."
    )


def _inactive(facts: Facts, pool: Pool) -> str | None:
    count = facts.inactive_pgs.get(pool.id, 0)
    if not count:
        return None
    are = "PG of the pool is" if count == 1 else "PGs of the pool are"
    return f"{count} {are} not active: the manager changes nothing until all of them are."


def _waits(pending: Sequence[PoolTask]) -> str | None:
    if not pending:
        return None
    return f"This would wait for {pending[-1]}."
