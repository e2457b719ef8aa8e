"""The RBD images of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ceph.cluster import Cluster, told
from ceph.state import Image, pool_of

RBD_APPLICATIONS = ("rbd", None)
"""Pools of other applications hold no images; one without an application may."""


def images_of(cluster: Cluster) -> list[Image]:
    """All images of all pools, by pool and name. Raises ClusterError."""
    return [image for pool in image_pools(cluster) for image in images_in(cluster, pool)]


def image_pools(cluster: Cluster) -> list[str]:
    """The names of the pools that may hold images. Raises ClusterError."""
    pools = map(pool_of, cluster.ask("osd pool ls", detail="detail"))
    return sorted(pool.name for pool in pools if pool.application in RBD_APPLICATIONS)


def images_in(cluster: Cluster, pool: str) -> list[Image]:
    """The images of a pool by name; one that is removed meanwhile is left out. Raises ClusterError."""
    import rbd

    with cluster.pool(pool) as context:
        names = rbd.RBD().list(context)
        sizes = {name: _size_bytes(context, name) for name in names}
    return [Image(pool=pool, name=name, size_bytes=size) for name, size in sorted(sizes.items()) if size is not None]


def _size_bytes(context: Any, name: str) -> int | None:
    import rbd

    try:
        with rbd.Image(context, name, read_only=True) as image:
            return int(image.size())
    except rbd.ImageNotFound:
        return None


@contextmanager
def opened(cluster: Cluster, pool: str, name: str) -> Iterator[Any]:
    """An `rbd.Image`, only to be read. Raises ClusterError."""
    import rbd

    with cluster.pool(pool) as context, told(cluster.settings), rbd.Image(context, name, read_only=True) as image:
        yield image
