"""Asks a cluster about its pools, and changes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from ceph import choices
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterRefused, TargetChanged
from ceph.job_names import CREATE_POOL
from ceph.pool_changes.progress import POOL_GONE_ERRNO, Osds, Pg, present_pool
from ceph.state import Pool, parse_pool
from jobs import Locks

MOST_PGS = 65_536
"""Monitors refuse more than this, whatever the cluster's size, unless they are configured otherwise."""


class PoolRef(Struct, frozen=True):
    """The pool that a task means: by its id, whatever its name is now, or by its name if the id is None."""

    id: int | None
    name: str


Fsid = Annotated[str, Meta(min_length=1, max_length=100, title="Cluster (fsid)", extra={"choices": choices.clusters})]
LONGEST_POOL_NAME = 200
PoolName = Annotated[str, Meta(min_length=1, max_length=LONGEST_POOL_NAME)]
PoolId = Annotated[int, Meta(ge=0, le=2**53)]
PresentPool = Annotated[PoolName | PoolId, Meta(extra={"choices": choices.pools})]
PgNum = Annotated[int, Meta(ge=1, le=MOST_PGS)]


def pool_lock(fsid: str, pool_id: int) -> str:
    """Returns the lock of tasks that change a pool, whatever its name is meanwhile."""
    return f"ceph {fsid} pool-id {pool_id}"


def prepared_by(pool: Pool) -> dict[str, object]:
    """Returns what a task on this pool stores when it is created: the pool's id, and its name then, for people."""
    return {"pool_id": pool.id, "pool_name": pool.name[:LONGEST_POOL_NAME]}


def pool_name_lock(fsid: str, name: str) -> str:
    """Returns the lock of tasks that only have a name: the pool does not exist yet, or an earlier version, which stored
    no ids, has stored the task."""
    return f"ceph {fsid} pool {name}"


def locks_of_pool(fsid: str, pool_id: int, name: str) -> tuple[str, str]:
    """Returns the locks of which each task on a pool has at least one."""
    return pool_lock(fsid, pool_id), pool_name_lock(fsid, name)


def lock_pool(fsid: str, pool: PoolRef) -> Locks:
    """Returns what a task on a pool locks. It also waits for tasks that know the pool only by its name."""
    if pool.id is None:
        return Locks((pool_name_lock(fsid, pool.name),))
    return Locks((pool_lock(fsid, pool.id),), (pool_name_lock(fsid, pool.name),))


def all_pools(cluster: Cluster) -> list[Pool]:
    """Returns the pools as they are now, without their used bytes. Raises ClusterError."""
    return [parse_pool(pool) for pool in cluster.ask("osd pool ls", detail="detail")]


def find_pool(cluster: Cluster, ref: PoolRef) -> Pool | None:
    """Returns the pool as it is now, without its used bytes; None if none has that name. Raises ClusterError:
    ClusterRefused if the pool of that id was removed."""
    pools = all_pools(cluster)
    if ref.id is not None:
        return present_pool(pools, ref.id, ref.name)
    return next((pool for pool in pools if pool.name == ref.name), None)


def get_pool(cluster: Cluster, ref: PoolRef) -> Pool:
    """Returns what `find_pool` finds. Raises ClusterRefused if that is none."""
    pool = find_pool(cluster, ref)
    if pool is None:
        raise ClusterRefused(f"there is no pool {ref.name}", POOL_GONE_ERRNO)
    return pool


def set_pg_num(cluster: Cluster, pool: Pool, pg_num: int) -> Pool:
    """Sets the target, which the manager carries out; returns the pool as it is then. Raises ClusterError; after a
    timeout the target may have been set."""
    return _set(cluster, pool, "pg_num", pg_num)


def set_pgp_num(cluster: Cluster, pool: Pool, pgp_num: int) -> Pool:
    """Sets the target of placement, which follows that of `pg_num` unless it was set separately. See `set_pg_num`."""
    return _set(cluster, pool, "pgp_num", pgp_num)


def _set(cluster: Cluster, pool: Pool, what: str, number: int) -> Pool:
    """Sets a value of a pool. In this command alone monitors know pools by name: `pool` was read just before, and is
    read again afterwards. A name that it no longer has is refused, or belongs to another pool by then."""
    try:
        cluster.command("osd pool set", pool=pool.name, var=what, val=str(number))
    except ClusterRefused as error:
        after = present_pool(all_pools(cluster), pool.id, pool.name)
        if error.errno == POOL_GONE_ERRNO and after.name != pool.name:
            return _set(cluster, after, what, number)
        raise
    pools = all_pools(cluster)
    other = next((one for one in pools if one.name == pool.name and one.id != pool.id), None)
    if other is not None:
        raise TargetChanged(
            f"pool {pool.id} ({pool.name}) lost its name to pool {other.id} at the very moment when its {what} was "
            f"set to {number}: check both"
        )
    return present_pool(pools, pool.id, pool.name)


def is_created_by(earlier: Iterable[tuple[str, Mapping[str, object]]], fsid: str, pool: str | int) -> bool:
    """Returns whether one of these jobs, given by name and parameters, creates the pool."""
    return any(name == CREATE_POOL and (params["fsid"], params["pool"]) == (fsid, pool) for name, params in earlier)


def create_pool(cluster: Cluster, name: str, pg_num: int, application: str | None) -> None:
    """Creates a replicated pool; an existing one stays as it is. Raises ClusterError."""
    cluster.command("osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num, pool_type="replicated")
    if application:
        enable_application(cluster, name, application)


def enable_application(cluster: Cluster, name: str, application: str) -> None:
    """Sets the application of a pool. Raises ClusterError."""
    cluster.command("osd pool application enable", pool=name, app=application)


def pgs_of(cluster: Cluster, pool: Pool) -> list[Pg]:
    """Returns the PGs of a pool as they were last reported to the manager. Raises ClusterError."""
    dumped = cluster.ask("pg dump", passed_on=True, dumpcontents=["pgs_brief"])
    return [Pg(pg["pgid"], pg["state"], _osds(pg)) for pg in dumped["pg_stats"] if pg["pgid"].startswith(f"{pool.id}.")]


def osds_of_pg(cluster: Cluster, pg_id: str) -> Osds:
    """Returns where a PG belongs by the monitors' map. Raises ClusterError."""
    return _osds(cluster.ask("pg map", pgid=pg_id))


def _osds(pg: Mapping[str, Any]) -> Osds:
    return tuple(pg["up"]), tuple(pg["acting"])
