"""The RBD images of a cluster."""

from __future__ import annotations

from typing import Any

from ceph.cluster import Cluster
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


def names_of(cluster: Cluster, pool: str) -> list[tuple[str, str]]:
    """The images of a pool in all of its namespaces, each by its namespace and name, in order. Raises ClusterError."""
    import rbd

    found = []
    with cluster.pool(pool) as context:
        for namespace in ("", *rbd.RBD().namespace_list(context)):
            context.set_namespace(namespace)
            found += [(namespace, name) for name in rbd.RBD().list(context)]
    return sorted(found)


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
