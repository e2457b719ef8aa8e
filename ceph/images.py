"""The RBD images of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ceph.cluster import Cluster, told
from ceph.samples import Sizes
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
        listed = {image["name"]: image["id"] for image in rbd.RBD().list2(context)}
        sizes = {name: _size_bytes(context, name, listed[name]) for name in sorted(listed)}
    return [Image(pool=pool, name=name, size_bytes=size) for name, size in sizes.items() if size is not None]


def names_in(cluster: Cluster, pool: str) -> list[str]:
    """The names of the images of a pool. Raises ClusterError."""
    with cluster.pool(pool) as context:
        return _names(context)


def _names(context: Any) -> list[str]:
    import rbd

    return sorted(rbd.RBD().list(context))


def _size_bytes(context: Any, name: str, image_id: str) -> int | None:
    """What an image is provisioned with; None where it is gone. Images of the old format have no id."""
    import rados
    import rbd

    try:
        return _size_in_header(context, image_id) if image_id else _size_when_opened(context, name)
    except (rados.ObjectNotFound, rbd.ImageNotFound):
        return None


def _size_in_header(context: Any, image_id: str) -> int | None:
    """In an image's header object RBD keeps its size under `size`, as 8 bytes, the lowest first.

    To open a thousand images, only to ask them, takes ten seconds; this half of one.
    """
    import rados

    with rados.ReadOpCtx() as operation:
        found, _ = context.get_omap_vals_by_keys(operation, ("size",))
        context.operate_read_op(operation, f"rbd_header.{image_id}")
        size = dict(found).get("size")
    return int.from_bytes(size, "little") if size else None


def _size_when_opened(context: Any, name: str) -> int:
    import rbd

    with rbd.Image(context, name, read_only=True) as image:
        return int(image.size())


@contextmanager
def opened(cluster: Cluster, pool: str, name: str) -> Iterator[Any]:
    """An `rbd.Image`, only to be read. Raises ClusterError."""
    import rbd

    with cluster.pool(pool) as context, told(cluster.settings), rbd.Image(context, name, read_only=True) as image:
        yield image


def sizes_of(cluster: Cluster, pool: str, name: str) -> Sizes:
    """What an image is provisioned with, and what of it is written. Raises ClusterError.

    By the image's map of objects, where it has one, in milliseconds; else by looking for its objects, 25 ms for each
    GiB of its size.
    """
    with opened(cluster, pool, name) as image:
        size_bytes = int(image.size())
        return Sizes(size_bytes, _used_bytes(image, size_bytes))


def _used_bytes(image: Any, size_bytes: int) -> int:
    """Without what it shares with the image that it is a clone of."""
    lengths: list[int] = []

    def take(_offset: int, length: int, exists: bool) -> None:
        if exists:
            lengths.append(length)

    image.diff_iterate(0, size_bytes, None, take, include_parent=False, whole_object=_has_valid_map(image))
    return sum(lengths)


def _has_valid_map(image: Any) -> bool:
    import rbd

    invalid = rbd.RBD_FLAG_OBJECT_MAP_INVALID | rbd.RBD_FLAG_FAST_DIFF_INVALID
    return bool(image.features() & rbd.RBD_FEATURE_FAST_DIFF) and not image.flags() & invalid
