"""What forms offer of Ceph clusters: the clusters themselves, their pools, their images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ceph.images.summary import counted, in_bytes
from ceph.state import Image, Pool
from jobs import Resource
from jobs.definition.choices import Choice
from jobs.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ceph.reader.watch import ClusterWatch, ClusterWatches

IMAGE_APPLICATION = "rbd"


class Seen(Resource):
    """The clusters as the server last read them; elsewhere there are none."""

    def __init__(self, watches: ClusterWatches | None = None) -> None:
        self._watches = watches

    async def clusters(self) -> list[ClusterWatch]:
        """Those whose fsid is known."""
        return await self._watches.identified() if self._watches else []

    async def pools(self, fsid: str) -> list[Pool]:
        """Those that people made, by name. Raises InvalidInput, ClusterError."""
        watch = await self._watch(fsid)
        state = (await watch.state.get_or_last()).value
        return sorted((pool for pool in state.pools if not pool.internal), key=lambda pool: pool.name)

    async def images(self, fsid: str) -> list[Image]:
        """Those of all pools. Raises InvalidInput, ClusterError."""
        watch = await self._watch(fsid)
        return (await watch.images.get_or_last()).value.images

    async def _watch(self, fsid: str) -> ClusterWatch:
        if self._watches is None:
            raise InvalidInput(errors={"fsid": [f"There is no cluster {fsid[:60]}."]})
        try:
            return await self._watches.by_fsid(fsid)
        except NotFound as error:
            raise InvalidInput(errors={"fsid": [str(error)]}) from error


async def clusters(*, seen: Seen) -> list[Choice]:
    """Finds the clusters of config.ini, by what it calls them."""
    return [Choice(watch.fsid, watch.name, watch.fsid or "") for watch in await seen.clusters()]


async def pools(fsid: str, *, seen: Seen) -> list[Choice]:
    """Finds the pools of a cluster that are not its own."""
    return _pool_choices(await seen.pools(fsid))


async def image_pools(fsid: str, *, seen: Seen) -> list[Choice]:
    """Finds those that may hold images: without an application, too."""
    found = await seen.pools(fsid)
    return _pool_choices(pool for pool in found if not pool.applications or IMAGE_APPLICATION in pool.applications)


def _pool_choices(found: Iterable[Pool]) -> list[Choice]:
    return [Choice(pool.name, pool.name, _about(pool)) for pool in found]


def _about(pool: Pool) -> str:
    return ", ".join([counted(pool.pg_num_target, "PG"), *pool.applications])


async def images(fsid: str, *, seen: Seen) -> Iterable[Choice]:
    """Finds the images of a cluster, by their paths; they may be very many."""
    return map(_image_choice, await seen.images(fsid))


def _image_choice(image: Image) -> Choice:
    name = "/".join(filter(None, (image.pool, image.namespace, image.name)))
    detail = "cannot be read" if image.error else "" if image.size_bytes is None else in_bytes(image.size_bytes)
    return Choice(image.path, name, detail)
