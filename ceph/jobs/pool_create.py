"""A job that creates a Ceph pool, and follows its PGs until they are clean."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Annotated

from msgspec import Meta

from ceph.clusters import Clusters, retry_while_silent, why_unavailable
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterRefused
from ceph.jobs.following import FollowSettings, checkpoint_of, follow, round_before_first_look
from ceph.known_clusters import KnownClusters
from ceph.pool_changes.progress import PgTarget
from ceph.pools import (
    Fsid,
    PgNum,
    PoolId,
    PoolName,
    PoolRef,
    create_pool,
    enable_application,
    find_pool,
    get_pool,
    lock_pool,
    locks_of_pool,
    pool_lock,
)
from ceph.state import Pool
from jobs import Locks, Pause, Round, job

POOL_EXISTS_ERRNO = 17
STILL_RUNNING = "the pool stays, and the cluster goes on by itself"


def metadata(fsid: str, pool: str, pool_id: int | None, **_: object) -> dict[str, object]:
    return {"fsid": fsid, "pool": pool} | ({} if pool_id is None else {"pool_id": pool_id})


def lock(fsid: str, pool: str, pool_id: int | None, known: KnownClusters, **_: object) -> Locks:
    """Locks the name until the pool exists; one that exists already is locked as well."""
    if pool_id is not None:
        return lock_pool(fsid, PoolRef(pool_id, pool))
    there = known.last_read_pool(fsid, pool)
    own = lock_pool(fsid, PoolRef(None, pool)).own
    return Locks(own if there is None else locks_of_pool(fsid, there.id, pool))


@job(
    description="Creating pool {pool} with {pg_num} PGs",
    metadata=metadata,
    lock=lock,
    prepared=("pool_id",),
    unavailable_because=why_unavailable,
)
def pool_create(
    fsid: Fsid,
    pool: PoolName,
    pg_num: PgNum,
    application: Annotated[str, Meta(max_length=100)] = "rbd",
    pool_id: PoolId | None = None,
    *,
    course: PgTarget | None = None,
    settings: FollowSettings,
    clusters: Clusters,
    known: KnownClusters,  # for the functions above, which the server calls
) -> Generator[Round | Pause, None, dict[str, object]]:
    """Creates a replicated Ceph pool unless it is there, and follows its PGs until all of them are clean.

    `course` is the checkpoint: with one, the pool exists. `pool_id` is the pool that was already created for this task.
    An empty application is none.
    """
    before = round_before_first_look(course, STILL_RUNNING)
    with (yield from retry_while_silent(lambda: clusters.connect(fsid), before)) as cluster:
        target = course
        if target is None:
            made = yield from retry_while_silent(lambda: created(cluster, PoolRef(pool_id, pool), pg_num, application))
            target = target_of(made, pg_num)
            yield Round(
                percent=0,
                message="created",
                checkpoint=checkpoint_of(target),
                if_aborted=STILL_RUNNING,
                locks=[pool_lock(fsid, made.id)],
            )
        yield from follow(cluster, target, settings, STILL_RUNNING)
    return {"id": target.pool_id, "pg_num": pg_num, "seconds": round(max(0.0, time.time() - target.began_at), 1)}


def created(cluster: Cluster, ref: PoolRef, pg_num: int, application: str) -> Pool:
    """Returns the pool, new or not. Raises ClusterError, also if one of that name has another number of PGs."""
    found = find_pool(cluster, ref)
    if found is None:
        create_pool(cluster, ref.name, pg_num, application or None)
        return get_pool(cluster, ref)
    if found.pg_num_target != pg_num:
        raise ClusterRefused(
            f"there is already a pool {found.name}, with {found.pg_num_target} PGs instead of {pg_num}",
            POOL_EXISTS_ERRNO,
        )
    if application and found.application is None:
        enable_application(cluster, found.name, application)
    return get_pool(cluster, PoolRef(found.id, found.name))


def target_of(pool: Pool, pg_num: int) -> PgTarget:
    """Returns the target of a new pool, whose PGs only have to become clean."""
    return PgTarget(
        pool_id=pool.id, pool=pool.name, pg_num_from=pg_num, pgp_num_from=pg_num, pg_num=pg_num, began_at=time.time()
    )
