"""The RBD images of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ceph.cluster import Cluster, told
from ceph.listing import pools_with_images
from ceph.samples import Sizes


def image_pools(cluster: Cluster) -> list[str]:
    """The names of the pools that may hold images. Raises ClusterError."""
    return [pool.name for pool in pools_with_images(cluster).with_images]


def names_in(cluster: Cluster, pool: str) -> list[str]:
    """The names of the images of a pool. Raises ClusterError."""
    with cluster.pool(pool) as context:
        return _names(context)


def _names(context: Any) -> list[str]:
    import rbd

    return sorted(rbd.RBD().list(context))


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
