"""A job that sets the number of PGs of a Ceph pool, and follows what the cluster makes of it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence

from msgspec.structs import replace

from ceph.clusters import Clusters, trying_again, why_unavailable
from ceph.connection.cluster import Cluster
from ceph.jobs.following import FollowSettings, checkpoint_of, follow, told_before
from ceph.pool_changes.progress import Course, own_pool
from ceph.pools import (
    Fsid,
    PgNum,
    PoolId,
    PoolName,
    PoolRef,
    PresentPool,
    all_pools,
    get_pool,
    is_created_by,
    lock_pool,
    pool_lock,
    prepared_by,
    set_pg_num,
    set_pgp_num,
)
from ceph.state import Pool
from jobs import Locks, Pause, Round, job

GOES_ON = "the cluster goes on by itself"


async def prepare(
    fsid: str,
    pool: str | int,
    pg_num: int,
    clusters: Clusters,
    earlier: Sequence[tuple[str, Mapping[str, object]]],
) -> Mapping[str, object]:
    """Which pool it is, whatever becomes of its name; nothing if a step before creates it."""
    if is_created_by(earlier, fsid, pool):
        return {}
    return prepared_by(await clusters.find_pool(fsid, pool))


def ref_of(pool: str | int, pool_id: int | None, pool_name: str | None) -> PoolRef:
    """A name that was not looked up when the task was created is looked up when it starts; an id needs no look."""
    if pool_id is None and isinstance(pool, int):
        pool_id = pool
    return PoolRef(pool_id, pool_name or str(pool))


def describe(pool: str | int, pg_num: int, pool_name: str | None, **_: object) -> str:
    return f"Setting number of PGs of pool {pool_name or pool} to {pg_num}"


def metadata(
    fsid: str,
    pool: str | int,
    pg_num: int,
    pool_id: int | None,
    pool_name: str | None,
    follows_from: int | None,
    clusters: Clusters,
) -> dict[str, object]:
    ref = ref_of(pool, pool_id, pool_name)
    last = clusters.last_read_pool(fsid, ref.name if ref.id is None else ref.id)
    begin = follows_from or (last.pg_num_target if last else None)
    known = {} if ref.id is None else {"pool_id": ref.id}
    return {"fsid": fsid, "pool": ref.name, **known, "from": begin, "to": pg_num}


def lock(fsid: str, pool: str | int, pool_id: int | None, pool_name: str | None, **_: object) -> Locks:
    return lock_pool(fsid, ref_of(pool, pool_id, pool_name))


@job(
    description=describe,
    metadata=metadata,
    lock=lock,
    prepare=prepare,
    prepared=("pool_id", "pool_name", "follows_from"),
    unavailable_because=why_unavailable,
)
def pool_pgs(
    fsid: Fsid,
    pool: PresentPool,
    pg_num: PgNum,
    pool_id: PoolId | None = None,
    pool_name: PoolName | None = None,
    follows_from: PgNum | None = None,
    *,
    course: Course | None = None,
    settings: FollowSettings,
    clusters: Clusters,
) -> Generator[Round | Pause, None, dict[str, object]]:
    """Sets the number of PGs of a Ceph pool and follows it until all of them are placed and clean.

    `pool` is a name or an id. `follows_from` is how many PGs the pool had when somebody else set the number: then
    nothing is set, and another number that is set meanwhile ends the task. `course` is what the first round has found,
    and whether the number has been set.
    """
    before = told_before(course, goes_on(course))
    with (yield from trying_again(lambda: clusters.connect(fsid), before)) as cluster:
        if course is None:
            found = yield from trying_again(lambda: get_pool(cluster, ref_of(pool, pool_id, pool_name)))
            course = course_of(found, pg_num) if follows_from is None else begun_course(found, pg_num, follows_from)
            yield Round(
                percent=0,
                message=f"PGs {found.pg_num}, {pg_num} wanted",
                checkpoint=checkpoint_of(course),
                if_aborted=goes_on(course),
                locks=[pool_lock(fsid, found.id)],
            )
        if not course.is_set:
            course = yield from setting(cluster, course)
        journey = yield from follow(cluster, course, settings, goes_on(course))
    return result(journey.course)


def course_of(pool: Pool, pg_num: int) -> Course:
    return Course(
        pool_id=pool.id,
        pool=pool.name,
        pg_num_from=pool.pg_num,
        pgp_num_from=pool.pgp_num,
        target=pg_num,
        began_at=time.time(),
    )


def begun_course(pool: Pool, pg_num: int, begin: int) -> Course:
    """The course of a pool on which somebody else has set it."""
    return replace(course_of(pool, pg_num), pg_num_from=begin, pgp_num_from=begin, is_set=True)


def setting(cluster: Cluster, course: Course) -> Generator[Round | Pause, None, Course]:
    """Sets what is not set. One that timed out may have been carried out, so each attempt looks first."""
    before = Round(percent=0, if_aborted="the cluster may still do what it was told")
    has_set = yield from trying_again(lambda: set_unless_set(cluster, course), before)
    course = replace(course, is_set=True)
    yield Round(
        percent=0,
        message=f"{'set to' if has_set else 'it is set already to'} {course.target}",
        checkpoint=checkpoint_of(course),
        if_aborted=goes_on(course),
    )
    return course


def goes_on(course: Course | None) -> str:
    """What goes on without the task: nothing before it is set, or where the pool was in place from the beginning."""
    return GOES_ON if course and course.is_set and course.has_way_to_go else ""


def set_unless_set(cluster: Cluster, course: Course) -> bool:
    """Whether anything had to be set. Raises ClusterError."""
    pool = before = own_pool(all_pools(cluster), course)
    if pool.pg_num_target != course.target:
        pool = set_pg_num(cluster, pool, course.target)
    if pool.pgp_num_target != course.target:
        set_pgp_num(cluster, pool, course.target)
    return (before.pg_num_target, pool.pgp_num_target) != (course.target, course.target)


def result(course: Course) -> dict[str, object]:
    return {
        "from": course.pg_num_from,
        "to": course.target,
        "seconds": round(max(0.0, time.time() - course.began_at), 1),
    }
