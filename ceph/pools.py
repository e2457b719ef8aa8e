"""What is asked of a cluster about a pool, and what it is told to do with one."""

from __future__ import annotations

from ceph.cluster import Cluster
from ceph.state import Pool, pool_of
from jobs.errors import ClusterRefused

POOL_GONE_ERRNO = 2


def pool_lock(fsid: str, pool: str) -> str:
    """Tasks that change a pool run one after another."""
    return f"ceph {fsid} pool {pool}"


def find_pool(cluster: Cluster, name: str) -> Pool | None:
    """The pool as it is now, without its used bytes; None where there is none. Raises ClusterError."""
    listed = cluster.ask("osd pool ls", detail="detail")
    return next((pool_of(pool) for pool in listed if pool["pool_name"] == name), None)


def pool_named(cluster: Cluster, name: str) -> Pool:
    """As `find_pool`. Raises ClusterRefused where there is none."""
    pool = find_pool(cluster, name)
    if pool is None:
        raise ClusterRefused(f"there is no pool {name}", POOL_GONE_ERRNO)
    return pool


def set_pg_num(cluster: Cluster, name: str, pg_num: int) -> None:
    """Sets the target; the manager carries it out. Raises ClusterError; after a silence it may have been set."""
    cluster.command("osd pool set", pool=name, var="pg_num", val=str(pg_num))


def create_pool(cluster: Cluster, name: str, pg_num: int, application: str | None) -> None:
    """Creates a replicated pool; one that is there already stays as it is. Raises ClusterError."""
    cluster.command("osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num, pool_type="replicated")
    if application:
        cluster.command("osd pool application enable", pool=name, app=application)


def clean_pgs(cluster: Cluster, pool: Pool) -> tuple[int, int]:
    """How many PGs of the pool are active and clean, and how many the manager knows. Raises ClusterError."""
    dumped = cluster.ask("pg dump", passed_on=True, dumpcontents=["pgs_brief"])
    states = [pg["state"] for pg in dumped["pg_stats"] if pg["pgid"].startswith(f"{pool.id}.")]
    return sum(state.startswith("active+clean") for state in states), len(states)
