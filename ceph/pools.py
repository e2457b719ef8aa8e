"""What is asked of a cluster about a pool, and what it is told to do with one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from ceph import choices
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterRefused, TargetChanged
from ceph.pool_changes.progress import POOL_GONE_ERRNO, Osds, Pg, present_pool
from ceph.state import Pool, parse_pool
from jobs import Locks

CREATES, CHANGES = "pool_create", "pool_pgs"
"""The jobs that make something of a pool."""
MOST_PGS = 65_536
"""More are refused by the monitors, whatever the cluster's size, unless they have been told otherwise."""


class PoolRef(Struct, frozen=True):
    """A pool as a task means it: by its id, whatever it is called now. Without one, by its name."""

    id: int | None
    name: str


Fsid = Annotated[str, Meta(min_length=1, max_length=100, title="Cluster (fsid)", extra={"choices": choices.clusters})]
LONGEST_POOL_NAME = 200
PoolName = Annotated[str, Meta(min_length=1, max_length=LONGEST_POOL_NAME)]
PoolId = Annotated[int, Meta(ge=0, le=2**53)]
PresentPool = Annotated[PoolName | PoolId, Meta(extra={"choices": choices.pools})]
PgNum = Annotated[int, Meta(ge=1, le=MOST_PGS)]


def pool_lock(fsid: str, pool_id: int) -> str:
    """The lock of tasks that change a pool, whatever it is called meanwhile."""
    return f"ceph {fsid} pool-id {pool_id}"


def prepared_by(pool: Pool) -> dict[str, object]:
    """What a task on this pool knows of it from its creation on: its id, and for people what it was called then."""
    return {"pool_id": pool.id, "pool_name": pool.name[:LONGEST_POOL_NAME]}


def pool_name_lock(fsid: str, name: str) -> str:
    """The lock of tasks for which there is only a name: the pool is still to be created, or they were stored before ids
    were."""
    return f"ceph {fsid} pool {name}"


def locks_of_pool(fsid: str, pool_id: int, name: str) -> tuple[str, str]:
    """Whoever works on a pool has one of these locks."""
    return pool_lock(fsid, pool_id), pool_name_lock(fsid, name)


def lock_pool(fsid: str, pool: PoolRef) -> Locks:
    """What a task on a pool locks. It also waits for those that know the pool by its name only."""
    if pool.id is None:
        return Locks((pool_name_lock(fsid, pool.name),))
    return Locks((pool_lock(fsid, pool.id),), (pool_name_lock(fsid, pool.name),))


def all_pools(cluster: Cluster) -> list[Pool]:
    """The pools as they are now, without their used bytes. Raises ClusterError."""
    return [parse_pool(pool) for pool in cluster.ask("osd pool ls", detail="detail")]


def find_pool(cluster: Cluster, ref: PoolRef) -> Pool | None:
    """The pool as it is now, without its used bytes; None if there is none of that name. Raises ClusterError, and
    ClusterRefused if the one of that id was removed."""
    pools = all_pools(cluster)
    if ref.id is not None:
        return present_pool(pools, ref.id, ref.name)
    return next((pool for pool in pools if pool.name == ref.name), None)


def get_pool(cluster: Cluster, ref: PoolRef) -> Pool:
    """As `find_pool`. Raises ClusterRefused if there is none."""
    pool = find_pool(cluster, ref)
    if pool is None:
        raise ClusterRefused(f"there is no pool {ref.name}", POOL_GONE_ERRNO)
    return pool


def set_pg_num(cluster: Cluster, pool: Pool, pg_num: int) -> Pool:
    """Sets the target, which the manager carries out; returns the pool as it is then. Raises ClusterError; after a
    silence it may have been set."""
    return _set(cluster, pool, "pg_num", pg_num)


def set_pgp_num(cluster: Cluster, pool: Pool, pgp_num: int) -> Pool:
    """Sets the target of placement, which follows that of `pg_num` unless it was set apart. As `set_pg_num`."""
    return _set(cluster, pool, "pgp_num", pgp_num)


def _set(cluster: Cluster, pool: Pool, what: str, number: int) -> Pool:
    """Monitors know pools by name in this command only: `pool` was just looked at, and is looked at once more after it.
    A name that it no longer has is refused, or is another pool's by now."""
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
            f"pool {pool.id} ({pool.name}) lost its name to pool {other.id} in the very moment in which its {what} was "
            f"set to {number}: look at both"
        )
    return present_pool(pools, pool.id, pool.name)


def is_created_by(earlier: Iterable[tuple[str, Mapping[str, object]]], fsid: str, pool: str | int) -> bool:
    """Whether one of these jobs, by name and parameters, creates the pool."""
    return any(name == CREATES and (params["fsid"], params["pool"]) == (fsid, pool) for name, params in earlier)


def create_pool(cluster: Cluster, name: str, pg_num: int, application: str | None) -> None:
    """Creates a replicated pool; one that is there already stays as it is. Raises ClusterError."""
    cluster.command("osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num, pool_type="replicated")
    if application:
        enable_application(cluster, name, application)


def enable_application(cluster: Cluster, name: str, application: str) -> None:
    """Says what a pool is for. Raises ClusterError."""
    cluster.command("osd pool application enable", pool=name, app=application)


def pgs_of(cluster: Cluster, pool: Pool) -> list[Pg]:
    """The PGs of a pool that the manager knows, as they were last told to it. Raises ClusterError."""
    dumped = cluster.ask("pg dump", passed_on=True, dumpcontents=["pgs_brief"])
    return [Pg(pg["pgid"], pg["state"], _osds(pg)) for pg in dumped["pg_stats"] if pg["pgid"].startswith(f"{pool.id}.")]


def osds_of_pg(cluster: Cluster, pg_id: str) -> Osds:
    """Where a PG belongs by the monitors' map. Raises ClusterError."""
    return _osds(cluster.ask("pg map", pgid=pg_id))


def _osds(told: Mapping[str, Any]) -> Osds:
    return tuple(told["up"]), tuple(told["acting"])
