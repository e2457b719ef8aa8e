"""Fills a Ceph cluster with many pools and images: `python -m bench.large_filling CONF < what.json`.

Runs as a separate process, because librados is never loaded into the one that measures.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 8
IMAGE_BYTES = 1 << 30
OPTIONS = {"client_mount_timeout": "60", "rados_mon_op_timeout": "60", "rados_osd_op_timeout": "60"}


def main(conf: str) -> None:
    """Reads `{"pools": {name: pg_num}, "images": {pool: [name]}}` from standard input."""
    import rados

    wanted = json.load(sys.stdin)
    with rados.Rados(conffile=conf, conf=OPTIONS) as cluster, ThreadPoolExecutor(AT_ONCE) as threads:
        create_pools(cluster, wanted["pools"], threads)
        create_images(cluster, wanted["images"], threads)


def create_pools(cluster: Any, pools: Mapping[str, int], threads: ThreadPoolExecutor) -> None:
    """Pools of RBD, as large as is wanted."""

    def create(name: str, pg_num: int) -> None:
        tell(cluster, "osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num)
        tell(cluster, "osd pool application enable", pool=name, app="rbd")

    list(threads.map(create, pools.keys(), pools.values()))


def create_images(cluster: Any, images: Mapping[str, Sequence[str]], threads: ThreadPoolExecutor) -> None:
    """Creates empty images with the features that new images have."""
    import rbd

    def create(pool: str, name: str) -> None:
        with cluster.open_ioctx(pool) as context:
            rbd.RBD().create(context, name, IMAGE_BYTES, old_format=False)

    paths = [(pool, name) for pool, names in images.items() for name in names]
    list(threads.map(create, *zip(*paths, strict=True)))


def tell(cluster: Any, prefix: str, **arguments: object) -> None:
    code, _, words = cluster.mon_command(json.dumps({"prefix": prefix, **arguments}), b"")
    if code != 0:
        sys.exit(f"{prefix} of {arguments}: {words}")


if __name__ == "__main__":
    main(sys.argv[1])
