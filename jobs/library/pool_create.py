"""A job that creates a Ceph pool, and follows its PGs until they are clean."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Annotated

from msgspec import Meta

from ceph.cluster import Cluster
from ceph.clusters import Clusters, trying_again, why_unavailable
from ceph.following import FollowSettings, checkpoint_of, follow, told_before
from ceph.placement import Course
from ceph.pools import Fsid, PgNum, PoolName, create_pool, find_pool, pool_lock, pool_named
from ceph.state import Pool
from jobs.errors import ClusterRefused
from jobs.registry import Pause, Round, job

POOL_EXISTS_ERRNO = 17
GOES_ON = "the pool stays, and the cluster goes on by itself"


def lock(fsid: str, pool: str, pg_num: int, application: str, clusters: Clusters) -> str:
    return pool_lock(fsid, pool)


@job(
    description="Creating pool {pool} with {pg_num} PGs",
    metadata={"fsid": "{fsid}", "pool": "{pool}"},
    lock=lock,
    unavailable_because=why_unavailable,
)
def pool_create(
    fsid: Fsid,
    pool: PoolName,
    pg_num: PgNum,
    application: Annotated[str, Meta(max_length=100)] = "rbd",
    *,
    course: Course | None = None,
    settings: FollowSettings,
    clusters: Clusters,
) -> Generator[Round | Pause, None, dict[str, object]]:
    """Creates a replicated Ceph pool unless it is there, and follows its PGs until all of them are clean.

    `course` is what the first round has left: the pool is there since. An empty application is none.
    """
    before = told_before(course, GOES_ON)
    with (yield from trying_again(lambda: clusters.connect(fsid), before)) as cluster:
        if course is None:
            made = yield from trying_again(lambda: created(cluster, pool, pg_num, application))
            course = course_of(made, pg_num)
            yield Round(percent=0, message="created", checkpoint=checkpoint_of(course), if_aborted=GOES_ON)
        yield from follow(cluster, course, settings, GOES_ON)
    return {"id": course.pool_id, "pg_num": pg_num, "seconds": round(max(0.0, time.time() - course.began_at), 1)}


def created(cluster: Cluster, name: str, pg_num: int, application: str) -> Pool:
    """The pool, new or not. Raises ClusterError, where there is one of that name with another number of PGs too."""
    found = find_pool(cluster, name)
    if found is not None and found.pg_num_target != pg_num:
        raise ClusterRefused(
            f"there is a pool {name} already, with {found.pg_num_target} PGs and not {pg_num}", POOL_EXISTS_ERRNO
        )
    if found is None or (application and found.application is None):
        create_pool(cluster, name, pg_num, application or None)
    return pool_named(cluster, name)


def course_of(pool: Pool, pg_num: int) -> Course:
    """New PGs have no way to go, they only have to become clean."""
    return Course(
        pool_id=pool.id, pool=pool.name, pg_num_from=pg_num, pgp_num_from=pg_num, target=pg_num, began_at=time.time()
    )
