"""What is going on in a cluster without a task: pools whose number of PGs changes, and what the cluster itself reports.

Pure. Nobody reports where a change that others began started, or when: the first observation stands in for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice

from msgspec import Struct

from ceph.pool_changes.progress import Observation, PgTarget, Progress
from ceph.pool_changes.progress_text import standstill_text, steps_text
from ceph.state import ClusterState, Pool, ProgressEvent
from jobs.text import cut

MOST_CHANGES = 100
MOST_CHARACTERS = 1000
LAST_SEEN_SECONDS = 60.0
"""A pool that was in place this recently is taken to have started from there."""


class Change(Struct, frozen=True, kw_only=True):
    """Something that is going on: a pool that changes to `after` PGs, or an event that the cluster reports.

    `percent` is None if it is unknown; `since` is in milliseconds since 1970. If it is not about the PGs of a pool,
    `before` and `after` are None, if it is about no pool at all, `pool` and `pool_id` are None too.
    """

    pool: str | None = None
    pool_id: int | None = None
    before: int | None = None
    after: int | None = None
    percent: int | None
    text: str
    since: int


class InPlace(Struct, frozen=True):
    """A pool that had reached its target when it was last observed."""

    pgs: int
    at_seconds: float


class ObservedEvent(Struct, frozen=True):
    """Since when an event is known, and its highest percentage: the cluster may report a lower one later."""

    since: int
    percent: int | None


class ObservedChanges(Struct, frozen=True):
    """What was observed of a cluster until now: pools that change and pools in place by their ids, events by theirs."""

    moving: Mapping[int, Progress] = {}
    in_place: Mapping[int, InPlace] = {}
    events: Mapping[str, ObservedEvent] = {}


def observe(before: ObservedChanges, state: ClusterState, at_seconds: float, now_seconds: float) -> ObservedChanges:
    """Returns what is known after another observation, at `at_seconds` (monotonic) and `now_seconds` (since 1970)."""
    moving = [pool for pool in state.pools if is_moving(pool)]
    return ObservedChanges(
        moving={pool.id: _progress(before, state, pool, at_seconds, now_seconds) for pool in moving},
        in_place={pool.id: InPlace(pool.pg_num, at_seconds) for pool in state.pools if not is_moving(pool)},
        events={event.id: _observed(before.events.get(event.id), event, now_seconds) for event in state.events},
    )


def is_moving(pool: Pool) -> bool:
    """Returns whether its PGs are not yet as many, or not yet placed as many, as was set."""
    return (pool.pg_num, pool.pgp_num) != (pool.pg_num_target, pool.pgp_num_target)


def _progress(
    before: ObservedChanges, state: ClusterState, pool: Pool, at_seconds: float, now_seconds: float
) -> Progress:
    """Continues the progress of before, or starts a new one if the target has changed."""
    observation = Observation(
        at_seconds=at_seconds,
        pool=pool,
        objects_away=state.objects_away,
        checks=state.checks,
        manager_error=state.manager_error or "",
    )
    known = before.moving.get(pool.id)
    if known is not None and known.target.pg_num == _wanted_pg_num(pool):
        return known.advance(observation)
    place = before.in_place.get(pool.id)
    is_recent = place is not None and at_seconds - place.at_seconds <= LAST_SEEN_SECONDS
    return Progress.start(_target(pool, place.pgs if place and is_recent else None, now_seconds), observation)


def _wanted_pg_num(pool: Pool) -> int:
    return pool.pg_num_target if pool.pg_num != pool.pg_num_target else pool.pgp_num_target


def _target(pool: Pool, begin: int | None, now_seconds: float) -> PgTarget:
    """Returns the target of a pool that was in place with `begin` PGs just before; None if nobody observed it then.

    A number that was set to something else counts as right from the beginning.
    """
    wanted = _wanted_pg_num(pool)
    if begin is None:
        begin = pool.pg_num if pool.pg_num != pool.pg_num_target else pool.pgp_num
    return PgTarget(
        pool_id=pool.id,
        pool=pool.name,
        pg_num_from=begin if pool.pg_num_target == wanted else wanted,
        pgp_num_from=begin if pool.pgp_num_target == wanted else wanted,
        pg_num=wanted,
        began_at=now_seconds,
        is_set=True,
    )


def _observed(before: ObservedEvent | None, event: ProgressEvent, now_seconds: float) -> ObservedEvent:
    since = event.began_at or (before.since if before else int(1000 * now_seconds))
    known = [percent for percent in (event.percent, before.percent if before else None) if percent is not None]
    return ObservedEvent(since, max(known, default=None))


# What is shown of it


def changes(state: ClusterState, observed: ObservedChanges, has_task: Callable[[Pool], bool]) -> list[Change]:
    """Returns what is happening without a task: pools by name first, then events, at most MOST_CHANGES in all.

    `observed` is what is known after this state or a later one.
    """
    pools = sorted((pool for pool in state.pools if pool.id in observed.moving), key=lambda pool: pool.name)
    moves = (_move(observed.moving[pool.id], pool, state) for pool in pools if not has_task(pool))
    return list(islice(chain(moves, _events(state, observed, has_task)), MOST_CHANGES))


def _move(progress: Progress, pool: Pool, state: ClusterState) -> Change:
    target = progress.target
    events = [event for event in state.events if event.is_of_pgs and event.pool_id == pool.id]
    texts = [steps_text(progress), standstill_text(progress), *(event.text for event in events)]
    return Change(
        pool=pool.name,
        pool_id=pool.id,
        before=starting_pg_num(target),
        after=target.pg_num,
        percent=target.best_percent,
        text=cut("; ".join(filter(None, texts)), MOST_CHARACTERS),
        since=min([int(1000 * target.began_at), *(event.began_at for event in events if event.began_at)]),
    )


def starting_pg_num(target: PgTarget) -> int:
    """Returns with how many PGs the pool started."""
    return target.pg_num_from if target.pg_num_from != target.pg_num else target.pgp_num_from


def _events(state: ClusterState, observed: ObservedChanges, has_task: Callable[[Pool], bool]) -> Iterator[Change]:
    """Yields the cluster's events, without those about a pool's PGs that are shown already, or no longer true."""
    known_events = [(observed.events[event.id], event) for event in state.events if event.id in observed.events]
    for known, event in sorted(known_events, key=lambda pair: pair[0].since):
        pool = state.pool(event.pool_id) if event.pool_id is not None else None
        if pool is not None and event.is_of_pgs and (is_moving(pool) or pool.autoscale == "on" or has_task(pool)):
            continue
        yield Change(
            pool=pool.name if pool else None,
            pool_id=pool.id if pool else None,
            percent=known.percent,
            text=event.text,
            since=known.since,
        )
