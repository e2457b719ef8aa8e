"""What is asked of a cluster about a pool, and what it is told to do with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from ceph import choices
from ceph.cluster import Cluster
from ceph.placement import POOL_GONE_ERRNO, Osds, Pg
from ceph.state import Pool, pool_of
from jobs.errors import ClusterRefused

MOST_PGS = 65_536
"""More are refused by the monitors, whatever the cluster's size, unless they have been told otherwise."""

Fsid = Annotated[str, Meta(min_length=1, max_length=100, title="Cluster (fsid)", extra={"choices": choices.clusters})]
PoolName = Annotated[str, Meta(min_length=1, max_length=200)]
PresentPool = Annotated[PoolName, Meta(extra={"choices": choices.pools})]
PgNum = Annotated[int, Meta(ge=1, le=MOST_PGS)]


def pool_lock(fsid: str, pool: str) -> str:
    """The lock of tasks that change a pool."""
    return f"ceph {fsid} pool {pool}"


def all_pools(cluster: Cluster) -> list[Pool]:
    """The pools as they are now, without their used bytes. Raises ClusterError."""
    return [pool_of(pool) for pool in cluster.ask("osd pool ls", detail="detail")]


def find_pool(cluster: Cluster, name: str) -> Pool | None:
    """The pool as it is now, without its used bytes; None where there is none. Raises ClusterError."""
    return next((pool for pool in all_pools(cluster) if pool.name == name), None)


def pool_named(cluster: Cluster, name: str) -> Pool:
    """As `find_pool`. Raises ClusterRefused where there is none."""
    pool = find_pool(cluster, name)
    if pool is None:
        raise ClusterRefused(f"there is no pool {name}", POOL_GONE_ERRNO)
    return pool


def set_pg_num(cluster: Cluster, name: str, pg_num: int) -> None:
    """Sets the target; the manager carries it out. Raises ClusterError; after a silence it may have been set."""
    cluster.command("osd pool set", pool=name, var="pg_num", val=str(pg_num))


def set_pgp_num(cluster: Cluster, name: str, pgp_num: int) -> None:
    """Sets the target of placement, which follows that of `pg_num` unless it was set apart. As `set_pg_num`."""
    cluster.command("osd pool set", pool=name, var="pgp_num", val=str(pgp_num))


def create_pool(cluster: Cluster, name: str, pg_num: int, application: str | None) -> None:
    """Creates a replicated pool; one that is there already stays as it is. Raises ClusterError."""
    cluster.command("osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num, pool_type="replicated")
    if application:
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
