"""A job that sets the number of PGs of a Ceph pool, and follows what the cluster makes of it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence

from msgspec.structs import replace

from ceph.clusters import Clusters, retry_while_silent, why_unavailable
from ceph.connection.cluster import Cluster
from ceph.jobs.following import FollowSettings, checkpoint_of, follow, round_before_first_look
from ceph.known_clusters import KnownClusters
from ceph.pool_changes.progress import PgTarget, pool_of
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

STILL_RUNNING = "the cluster goes on by itself"


async def prepare(
    fsid: str,
    pool: str | int,
    pg_num: int,
    known: KnownClusters,
    earlier: Sequence[tuple[str, Mapping[str, object]]],
    **_: object,
) -> Mapping[str, object]:
    """Looks up the pool, so that renaming it later changes nothing; not if an earlier step creates it."""
    if is_created_by(earlier, fsid, pool):
        return {}
    return prepared_by(await known.find_pool(fsid, pool))


def ref_of(pool: str | int, pool_id: int | None, pool_name: str | None) -> PoolRef:
    """Returns which pool the parameters mean. A name that was not looked up when the task was created is looked up when
    the task starts; an id needs no look-up."""
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
    known: KnownClusters,
    **_: object,
) -> dict[str, object]:
    ref = ref_of(pool, pool_id, pool_name)
    last = known.last_read_pool(fsid, ref.name if ref.id is None else ref.id)
    begin = follows_from or (last.pg_num_target if last else None)
    ids = {} if ref.id is None else {"pool_id": ref.id}
    return {"fsid": fsid, "pool": ref.name, **ids, "from": begin, "to": pg_num}


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
    course: PgTarget | None = None,
    settings: FollowSettings,
    clusters: Clusters,
    known: KnownClusters,  # for the functions above, which the server calls
) -> Generator[Round | Pause, None, dict[str, object]]:
    """Sets the number of PGs of a Ceph pool and follows it until all of them are placed and clean.

    `pool` is a name or an id. `follows_from` is how many PGs the pool had when somebody else set the number: then
    nothing is set, and another number that is set meanwhile ends the task. `course` is the checkpoint: what the first
    round has found, and whether the number has been set.
    """
    before = round_before_first_look(course, still_running_text(course))
    with (yield from retry_while_silent(lambda: clusters.connect(fsid), before)) as cluster:
        target = course
        if target is None:
            found = yield from retry_while_silent(lambda: get_pool(cluster, ref_of(pool, pool_id, pool_name)))
            target = target_of(found, pg_num) if follows_from is None else followed_target(found, pg_num, follows_from)
            yield Round(
                percent=0,
                message=f"PGs {found.pg_num}, {pg_num} wanted",
                checkpoint=checkpoint_of(target),
                if_aborted=still_running_text(target),
                locks=[pool_lock(fsid, found.id)],
            )
        if not target.is_set:
            target = yield from set_target(cluster, target)
        progress = yield from follow(cluster, target, settings, still_running_text(target))
    target = progress.target
    return {
        "from": target.pg_num_from,
        "to": target.pg_num,
        "seconds": round(max(0.0, time.time() - target.began_at), 1),
    }


def target_of(pool: Pool, pg_num: int) -> PgTarget:
    """Returns the target of a task that sets the number itself."""
    return PgTarget(
        pool_id=pool.id,
        pool=pool.name,
        pg_num_from=pool.pg_num,
        pgp_num_from=pool.pgp_num,
        pg_num=pg_num,
        began_at=time.time(),
    )


def followed_target(pool: Pool, pg_num: int, begin: int) -> PgTarget:
    """Returns the target of a task that follows what somebody else has set."""
    return replace(target_of(pool, pg_num), pg_num_from=begin, pgp_num_from=begin, is_set=True)


def set_target(cluster: Cluster, target: PgTarget) -> Generator[Round | Pause, None, PgTarget]:
    """Sets what is not set yet. An attempt that timed out may have been carried out, so each one looks first."""
    before = Round(percent=0, if_aborted="the cluster may still carry out the change")
    has_set = yield from retry_while_silent(lambda: set_unless_set(cluster, target), before)
    target = replace(target, is_set=True)
    yield Round(
        percent=0,
        message=f"{'set to' if has_set else 'it is already set to'} {target.pg_num}",
        checkpoint=checkpoint_of(target),
        if_aborted=still_running_text(target),
    )
    return target


def still_running_text(target: PgTarget | None) -> str:
    """Returns what continues after an abort: nothing if the number is not set yet, or was right from the beginning."""
    return STILL_RUNNING if target and target.is_set and target.is_change else ""


def set_unless_set(cluster: Cluster, target: PgTarget) -> bool:
    """Returns whether anything had to be set. Raises ClusterError."""
    pool = before = pool_of(all_pools(cluster), target)
    if pool.pg_num_target != target.pg_num:
        pool = set_pg_num(cluster, pool, target.pg_num)
    if pool.pgp_num_target != target.pg_num:
        set_pgp_num(cluster, pool, target.pg_num)
    return (before.pg_num_target, pool.pgp_num_target) != (target.pg_num, target.pg_num)
