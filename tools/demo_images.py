"""Gives the cluster of `make ceph` a pool with images of different sizes, some of them with data.

`python -m tools.demo_images CONF`
"""

from __future__ import annotations

import json
import os
import sys

import rados
import rbd

POOL = "rbd"
IMAGES = [
    ("web", 10 << 30, 60),
    ("database", 20 << 30, 120),
    ("mail", 5 << 30, 40),
    ("backup", 100 << 30, 90),
    ("archive", 2 << 30, 30),
    ("scratch", 1 << 30, 0),
]
"""Name, size in bytes, and how many MiB of it are written."""
PIECE_BYTES = 4 << 20
OPTIONS = {"client_mount_timeout": "20", "rados_mon_op_timeout": "20", "rados_osd_op_timeout": "60"}


def main(conf: str) -> None:
    with rados.Rados(conffile=conf, conf=OPTIONS) as cluster:
        create_pool(cluster)
        with cluster.open_ioctx(POOL) as ioctx:
            rbd.RBD().pool_init(ioctx, True)
            for name, size_bytes, written_mib in IMAGES:
                rbd.RBD().create(ioctx, name, size_bytes, old_format=False)
                write(ioctx, name, written_mib)


def create_pool(cluster: rados.Rados) -> None:
    command = {"prefix": "osd pool create", "pool": POOL, "pg_num": 8, "pgp_num": 8}
    code, _, words = cluster.mon_command(json.dumps(command), b"")
    if code != 0:
        sys.exit(f"The pool {POOL} cannot be made: {words}")


def write(ioctx: rados.Ioctx, name: str, mib: int) -> None:
    data = os.urandom(PIECE_BYTES)
    with rbd.Image(ioctx, name) as image:
        for offset in range(0, mib << 20, PIECE_BYTES):
            image.write(data[: (mib << 20) - offset], offset)


if __name__ == "__main__":
    main(sys.argv[1])
