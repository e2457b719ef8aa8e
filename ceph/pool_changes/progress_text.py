"""The progress of a pool in words: what has moved, and what stands in its way. Pure."""

from __future__ import annotations

from ceph.pool_changes.progress import STANDSTILL_SECONDS, Observation, Progress
from ceph.state import Check
from jobs.text import cut

MOST_CAUSE_CHARACTERS = 500
NO_MANAGER = "no active mgr"
"""Worded as in the health check, which a cluster omits in its first two minutes."""
MANAGER_DOWN = "MGR_DOWN"
ADVICE = frozenset({"POOL_APP_NOT_ENABLED", "POOL_NO_REDUNDANCY", "POOL_PG_NUM_NOT_POWER_OF_TWO", "TOO_FEW_PGS"})
"""Health checks that hold up nothing."""


def message(progress: Progress, settle_seconds: float) -> str:
    """Returns `PGs 40 of 64, placed 22 of 64, clean 18; nothing has moved for 20 s: no active mgr (MGR_DOWN)`."""
    states = progress.last.states
    numbers = f"{steps_text(progress)}, clean {states.clean if states else 'unknown'}"
    if progress.arrived_at is not None:
        return f"{numbers}; all in place, checking for {settle_seconds:g} s whether it stays so"
    return "; ".join(filter(None, [numbers, standstill_text(progress)]))


def steps_text(progress: Progress) -> str:
    """Returns `PGs 40 of 64, placed 22 of 64`, without a number that is set to something else than the target."""
    pool, pg_num = progress.last.pool, progress.target.pg_num
    parts = []
    if pool.pg_num_target == pg_num:
        parts.append(f"PGs {_of(pool.pg_num, pg_num)}")
    if pool.pgp_num_target == pg_num and not progress.target.pgp_num_from == pool.pgp_num == pg_num:
        parts.append(f"placed {_of(pool.pgp_num, pg_num)}")
    return ", ".join(parts)


def _of(now: int, target: int) -> str:
    return f"{now} down to {target}" if now > target else f"{now} of {target}"


def standstill_text(progress: Progress) -> str:
    """Returns `nothing has moved for 20 s: no active mgr (MGR_DOWN)`; "" while something moves."""
    if progress.still_seconds() < STANDSTILL_SECONDS:
        return ""
    return f"nothing has moved for {progress.still_seconds():.0f} s: {cause(progress.last)}"


def cause(observation: Observation) -> str:
    """Returns what stands in the way, the manager first: without it nothing moves."""
    checks = [check for check in observation.checks if check.code not in ADVICE]
    first = [check for check in checks if check.code == MANAGER_DOWN or check.code.startswith("OSD_")]
    rest = [check for check in checks if check not in first]
    silence = "" if any(check.code == MANAGER_DOWN for check in checks) else observation.manager_error
    not_clean = observation.states.not_clean if observation.states else ""
    causes = [silence, *map(_check_text, first), not_clean, *map(_check_text, rest)]
    return cut("; ".join(filter(None, causes)) or "the cluster does not say why", MOST_CAUSE_CHARACTERS)


def _check_text(check: Check) -> str:
    return f"{check.summary} ({check.code})"
