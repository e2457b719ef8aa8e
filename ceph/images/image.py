"""Opens an RBD image, finds out whether it still exists, and how much of it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ceph.connection.cluster import Cluster, translated_errors
from ceph.images.rbd_layout import DIRECTORY, OLD_DIRECTORY_BYTES, encoded, old_names_in
from ceph.images.samples import Sizes

FIRST_PIECE_BYTES = 8 << 30
LEAST_PIECE_BYTES = 1 << 30
PIECE_SECONDS = 1.0


@contextmanager
def opened(cluster: Cluster, pool: str, namespace: str, name: str) -> Iterator[Any]:
    """Opens an `rbd.Image`, read-only. Raises ClusterError."""
    import rbd

    with cluster.pool(pool) as context, translated_errors(cluster.settings):
        context.set_namespace(namespace)
        with rbd.Image(context, name, read_only=True) as image:
            yield image


def pieces_of(image: Any, offset: int = 0, used_bytes: int = 0) -> Iterator[tuple[Sizes, int]]:
    """Scans an image piece by piece, starting at `offset`, before which `used_bytes` are written.

    Yields the sizes known so far and the offset after each piece, which takes about a second. If the image has a map of
    objects, it is a single piece of milliseconds; else its objects are looked for, 25 ms for each GiB.
    """
    size_bytes = int(image.size())
    if offset > size_bytes:  # the image was shrunk meanwhile
        offset, used_bytes = 0, 0
    has_map = _has_valid_map(image)
    length = size_bytes if has_map else FIRST_PIECE_BYTES
    while offset < size_bytes:
        began = time.monotonic()
        length = min(length, size_bytes - offset)
        used_bytes += _used_bytes(image, offset, length, has_map)
        offset += length
        yield Sizes(size_bytes, used_bytes), offset
        length = _next_length(length, time.monotonic() - began)
    if size_bytes == 0:
        yield Sizes(0, 0), 0


def _next_length(length: int, seconds: float) -> int:
    factor = min(PIECE_SECONDS / max(seconds, 0.001), 4.0)
    return max(int(length * factor) // LEAST_PIECE_BYTES, 1) * LEAST_PIECE_BYTES


def _used_bytes(image: Any, offset: int, length: int, by_map: bool) -> int:
    """Counts what is written in a part of an image, without the data that a clone shares with its parent."""
    used_bytes = 0

    def take(_offset: int, extent_bytes: int, exists: bool) -> None:
        nonlocal used_bytes
        used_bytes += extent_bytes if exists else 0

    image.diff_iterate(offset, length, None, take, include_parent=False, whole_object=by_map)
    return used_bytes


def _has_valid_map(image: Any) -> bool:
    import rbd

    invalid = rbd.RBD_FLAG_OBJECT_MAP_INVALID | rbd.RBD_FLAG_FAST_DIFF_INVALID
    return bool(image.features() & rbd.RBD_FEATURE_FAST_DIFF) and not image.flags() & invalid


def missing_images(cluster: Cluster, pool: str, images: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns which of these images, by namespace and name, a pool no longer lists. Raises ClusterError."""
    with cluster.pool(pool) as context:
        missing = [image for image in images if not _is_listed(context, *image)]
        old = _old_names(context) if missing else []
    return [(namespace, name) for namespace, name in missing if namespace or name.encode() not in old]


def _is_listed(context: Any, namespace: str, name: str) -> bool:
    import rados

    context.set_namespace(namespace)
    try:
        context.execute(DIRECTORY, "rbd", "dir_get_id", encoded(name))
    except rados.ObjectNotFound:
        return False
    return True


def _old_names(context: Any) -> list[bytes]:
    """Returns the names of images of the old format, which has no namespaces."""
    import rados

    context.set_namespace("")
    try:
        return old_names_in(context.read(DIRECTORY, OLD_DIRECTORY_BYTES))
    except rados.ObjectNotFound:
        return []
