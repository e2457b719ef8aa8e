"""What goes on in a cluster, as whoever looks at it sees it: pools on their way, and what the cluster itself reports.

Pure. Nobody tells from where a change that others began set out, nor when: what was seen first stands for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice

from msgspec import Struct

from ceph.images.findings import cut
from ceph.pool_changes.progress import Course, Journey, Look, gone_on, set_out, standstill_text, steps_text
from ceph.state import ClusterState, Pool, ProgressEvent

MOST_CHANGES = 100
MOST_CHARACTERS = 1000
LAST_SEEN_SECONDS = 60.0
"""A pool that was seen in place so lately set out from there."""


class Change(Struct, frozen=True, kw_only=True):
    """Something that goes on: a pool that becomes one of `after` PGs, or what the cluster reports.

    `percent` is None if nobody knows it, `since` in milliseconds since 1970. What is not about the PGs of a pool has
    neither `before` nor `after`, what is about no pool at all has no `pool` and no `pool_id` either.
    """

    pool: str | None = None
    pool_id: int | None = None
    before: int | None = None
    after: int | None = None
    percent: int | None
    text: str
    since: int


class InPlace(Struct, frozen=True):
    """A pool that had nowhere to go when it was last looked at."""

    pgs: int
    at_seconds: float


class EventSeen(Struct, frozen=True):
    """Since when an event is known, and how far it was at most: the cluster may take back what it has told."""

    since: int
    percent: int | None


class Sightings(Struct, frozen=True):
    """What was seen of a cluster until now: pools on their way and in place by their ids, events by theirs."""

    journeys: Mapping[int, Journey] = {}
    in_place: Mapping[int, InPlace] = {}
    events: Mapping[str, EventSeen] = {}


def seen(before: Sightings, state: ClusterState, at_seconds: float, now_seconds: float) -> Sightings:
    """Returns the sightings after another look: at a moment of a clock that never goes back, and since 1970."""
    moving = [pool for pool in state.pools if is_moving(pool)]
    return Sightings(
        journeys={pool.id: _journey(before, state, pool, at_seconds, now_seconds) for pool in moving},
        in_place={pool.id: InPlace(pool.pg_num, at_seconds) for pool in state.pools if not is_moving(pool)},
        events={event.id: _event_seen(before.events.get(event.id), event, now_seconds) for event in state.events},
    )


def is_moving(pool: Pool) -> bool:
    """Whether its PGs are not yet as many, or not yet placed as many, as it was told."""
    return (pool.pg_num, pool.pgp_num) != (pool.pg_num_target, pool.pgp_num_target)


def _journey(before: Sightings, state: ClusterState, pool: Pool, at_seconds: float, now_seconds: float) -> Journey:
    """Another target is another change."""
    look = Look(
        at_seconds=at_seconds,
        pool=pool,
        objects_away=state.objects_away,
        checks=state.checks,
        manager_error=state.manager_error or "",
    )
    known = before.journeys.get(pool.id)
    if known is not None and known.course.target == _target(pool):
        return gone_on(known, look)
    place = before.in_place.get(pool.id)
    is_recent = place is not None and at_seconds - place.at_seconds <= LAST_SEEN_SECONDS
    return set_out(_course(pool, place.pgs if place and is_recent else None, now_seconds), look)


def _target(pool: Pool) -> int:
    return pool.pg_num_target if pool.pg_num != pool.pg_num_target else pool.pgp_num_target


def _course(pool: Pool, begin: int | None, now_seconds: float) -> Course:
    """The course of a pool that was in place with `begin` PGs just before; None if nobody looked.

    A number whose target is another one has no part in it.
    """
    target = _target(pool)
    if begin is None:
        begin = pool.pg_num if pool.pg_num != pool.pg_num_target else pool.pgp_num
    return Course(
        pool_id=pool.id,
        pool=pool.name,
        pg_num_from=begin if pool.pg_num_target == target else target,
        pgp_num_from=begin if pool.pgp_num_target == target else target,
        target=target,
        began_at=now_seconds,
        is_set=True,
    )


def _event_seen(before: EventSeen | None, event: ProgressEvent, now_seconds: float) -> EventSeen:
    since = event.began_at or (before.since if before else int(1000 * now_seconds))
    known = [percent for percent in (event.percent, before.percent if before else None) if percent is not None]
    return EventSeen(since, max(known, default=None))


# What is told of it


def changes(state: ClusterState, sightings: Sightings, has_task: Callable[[Pool], bool]) -> list[Change]:
    """Returns what goes on without a task, pools by their names first, at most MOST_CHANGES of all.

    `sightings` are those after a look at this state or a later one.
    """
    pools = sorted((pool for pool in state.pools if pool.id in sightings.journeys), key=lambda pool: pool.name)
    moves = (_move(sightings.journeys[pool.id], pool, state) for pool in pools if not has_task(pool))
    return list(islice(chain(moves, _reports(state, sightings, has_task)), MOST_CHANGES))


def _move(journey: Journey, pool: Pool, state: ClusterState) -> Change:
    course = journey.course
    reports = [event for event in state.events if event.is_of_pgs and event.pool_id == pool.id]
    texts = [steps_text(journey), standstill_text(journey), *(event.text for event in reports)]
    return Change(
        pool=pool.name,
        pool_id=pool.id,
        before=begin_of(course),
        after=course.target,
        percent=course.best_percent,
        text=cut("; ".join(filter(None, texts)), MOST_CHARACTERS),
        since=min([int(1000 * course.began_at), *(event.began_at for event in reports if event.began_at)]),
    )


def begin_of(course: Course) -> int:
    """From how many PGs it set out."""
    return course.pg_num_from if course.pg_num_from != course.target else course.pgp_num_from


def _reports(state: ClusterState, sightings: Sightings, has_task: Callable[[Pool], bool]) -> Iterator[Change]:
    """What the cluster reports, but for what is told of a pool's PGs already, or no longer true of them."""
    known_events = [(sightings.events[event.id], event) for event in state.events if event.id in sightings.events]
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
