"""What the server knows of its clusters, for the functions of jobs that it calls itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ceph.state import Image, Pool
from jobs import Resource
from jobs.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ceph.reader.watch import ClusterWatch, ClusterWatches


class KnownClusters(Resource):
    """The clusters as the server reads them. Only the server has any: a job's body uses `Clusters` instead.

    The server calls a job's functions for `prepare`, `lock`, `metadata` and choices, which may ask for it.
    """

    def __init__(self, watches: ClusterWatches | None = None) -> None:
        self._watches = watches

    async def clusters(self) -> list[ClusterWatch]:
        """Returns the clusters whose fsid is known."""
        return await self._watches.identified() if self._watches else []

    async def pools(self, fsid: str) -> list[Pool]:
        """Returns the pools that people made, by name. Raises InvalidInput, ClusterError."""
        watch = await self._watch(fsid)
        state = (await watch.state.get_or_last()).value
        return sorted((pool for pool in state.pools if not pool.internal), key=lambda pool: pool.name)

    async def images(self, fsid: str) -> list[Image]:
        """Returns the images of all pools. Raises InvalidInput, ClusterError."""
        watch = await self._watch(fsid)
        return (await watch.images.get_or_last()).value.images

    async def find_pool(self, fsid: str, pool: str | int) -> Pool:
        """Asks the cluster for a pool, by its name (text) or its id.

        Raises ClusterError, and InvalidInput, by the parameters `fsid` and `pool`, if there is no such cluster or pool.
        Raises RuntimeError outside the server.
        """
        if self._watches is None:
            raise RuntimeError(
                "only the server knows its clusters: the body of a job has to connect through `Clusters`"
            )
        watch = await self._watch(fsid)
        found = (await watch.state.get_from_now()).value.find(pool)
        if found is None:
            hint = "; an id is a number without quotes" if isinstance(pool, str) and pool.isdecimal() else ""
            raise InvalidInput(errors={"pool": [f"there is no pool {pool} in cluster {fsid}{hint}"]})
        return found

    def last_read_pool(self, fsid: str, pool: str | int) -> Pool | None:
        """Returns a pool as it was last read, None if it was not read."""
        watch = self._watches.find(fsid) if self._watches else None
        last = watch.state.last if watch else None
        return last.value.find(pool) if last else None

    async def _watch(self, fsid: str) -> ClusterWatch:
        if self._watches is None:
            raise InvalidInput(errors={"fsid": [f"There is no cluster {fsid[:60]}."]})
        try:
            return await self._watches.by_fsid(fsid)
        except NotFound as error:
            raise InvalidInput(errors={"fsid": [str(error)]}) from error
