"""What the calls about one cluster share: contract, section 8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ceph.job_names import CHANGE_PGS
from ceph.pool_changes.preflight import (
    PoolTask,
    pool_task,
)
from ceph.pools import locks_of_pool, prepared_by
from ceph.reader.cached import CachedReading, Reading, Value
from ceph.reader.watch import ClusterWatch
from ceph.state import Pool
from handlers.ceph.views import PoolView, pool_view
from handlers.creating import CreatingHandler
from handlers.http.query import BOOLEAN, QueryParameter
from jobs.definition.submission import Submission
from jobs.errors import NoSuchTask, NotFound
from jobs.model.task import Task

STALE = QueryParameter(BOOLEAN, "return the last reading, however old, if the cluster does not answer at once")
TASK_LOCATION = {"Taskqueue-Location": "the address of the task"}


class ClusterHandler(CreatingHandler):
    """A call about one cluster."""

    task_headers: ClassVar[Sequence[str]] = ("Taskqueue-Location",)

    async def watch(self, fsid: str) -> ClusterWatch:
        """Returns what is known of the cluster. Raises NotFound, ClusterError."""
        return await self.services.clusters.by_fsid(fsid)

    async def reading(self, cached: CachedReading[Value]) -> Reading[Value]:
        """Returns a fresh reading, or with `stale` the last one if the cluster is silent. Raises ClusterError."""
        return await (cached.get_or_last() if self.value("stale") else cached.get())

    async def as_last_read(self, watch: ClusterWatch, pool: Pool) -> Pool:
        """Returns the pool for an answer about a change that is done: a cluster that is silent by now does not undo
        it."""
        return (await watch.state.get_or_last()).value.pool(pool.id) or pool

    def pool_view(self, fsid: str, pool: Pool) -> PoolView:
        pending = self.services.queue.pending_on(*locks_of_pool(fsid, pool.id, pool.name))
        return pool_view(pool, pending[0] if pending else None)

    async def pending(self, fsid: str, pool: Pool) -> list[PoolTask]:
        """Returns the first and the last of the pending tasks on a pool: those between them change nothing."""
        ids = self.services.queue.pending_on(*locks_of_pool(fsid, pool.id, pool.name))
        tasks = [await self._task(task_id) for task_id in dict.fromkeys([*ids[:1], *ids[-1:]])]
        return [pool_task(task) for task in tasks if task is not None]

    async def _task(self, task_id: int) -> Task | None:
        try:
            return await self.services.store.task(task_id)
        except NoSuchTask:
            return None


def change_of(fsid: str, pool: Pool, pg_num: int, follows_from: int | None = None) -> Submission:
    """Returns a request for a task that changes this pool, also if it is renamed, or follows a change made
    elsewhere."""
    params = {"fsid": fsid, "pool": pool.id, "pg_num": pg_num}
    prepared = {**prepared_by(pool), "follows_from": follows_from}
    return Submission(job=CHANGE_PGS, params=params, prepared=prepared)


def pool_number(text_of_id: str) -> int:
    """Returns the id as a number. Raises NotFound if it is too long to be one."""
    if len(text_of_id) > 15:
        raise NotFound(f"There is no pool {text_of_id[:30]}.")
    return int(text_of_id)
