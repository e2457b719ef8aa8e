"""Made-up pools for tests that need no cluster."""

from __future__ import annotations

from msgspec.structs import replace

from ceph.state import Pool


def a_pool(pg_num=8, pgp_num=None, target=64, number=3, name="", **changed):
    """Returns a pool on its way from `pg_num` to `target` PGs."""
    pool = Pool(
        id=number,
        name=name or f"pool-{number}",
        size=3,
        applications=["rbd"],
        pg_num=pg_num,
        pg_num_target=target,
        pg_num_pending=pg_num,
        pgp_num=pg_num if pgp_num is None else pgp_num,
        pgp_num_target=target,
        autoscale="off",
        used_bytes=0,
    )
    return replace(pool, **changed)
