"""What forms offer of Ceph clusters: the clusters themselves, their pools, their images."""

from __future__ import annotations

from collections.abc import Iterable

from ceph.images.summary import in_bytes
from ceph.known_clusters import KnownClusters
from ceph.state import Image, Pool
from jobs.definition.choices import Choice
from jobs.text import counted

IMAGE_APPLICATION = "rbd"


async def clusters(*, known: KnownClusters) -> list[Choice]:
    """Finds the clusters of config.ini, by what it calls them."""
    return [Choice(watch.fsid, watch.name, watch.fsid or "") for watch in await known.clusters()]


async def pools(fsid: str, *, known: KnownClusters) -> list[Choice]:
    """Finds the pools of a cluster, without those that belong to the cluster itself."""
    return _pool_choices(await known.pools(fsid))


async def image_pools(fsid: str, *, known: KnownClusters) -> list[Choice]:
    """Finds the pools that may hold images: those of the application rbd, and those of none."""
    found = await known.pools(fsid)
    return _pool_choices(pool for pool in found if not pool.applications or IMAGE_APPLICATION in pool.applications)


def _pool_choices(found: Iterable[Pool]) -> list[Choice]:
    return [
        Choice(pool.name, pool.name, ", ".join([counted(pool.pg_num_target, "PG"), *pool.applications]))
        for pool in found
    ]


async def images(fsid: str, *, known: KnownClusters) -> Iterable[Choice]:
    """Finds the images of a cluster, by their paths; they may be very many."""
    return map(_image_choice, await known.images(fsid))


def _image_choice(image: Image) -> Choice:
    name = "/".join(filter(None, (image.pool, image.namespace, image.name)))
    detail = "cannot be read" if image.error else "" if image.size_bytes is None else in_bytes(image.size_bytes)
    return Choice(image.path, name, detail)
