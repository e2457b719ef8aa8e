"""What is happening in a cluster without a task, and tasks that follow it, by REST: contract, section 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from ceph.pool_changes.changes import MOST_CHANGES, Change, changes, starting_pg_num
from ceph.pool_changes.progress import Progress
from ceph.state import Pool
from handlers.ceph.cluster import STALE, TASK_LOCATION, ClusterHandler, change_of, pool_number
from handlers.ceph.views import PoolView
from handlers.creating import APPLIED, CREATING_HEADERS
from handlers.http.operation import Operation
from jobs.clock import iso_time
from jobs.errors import Conflict
from jobs.live.views import Id, Percent, Time
from jobs.store import Created, RequestKey


class ChangeView(Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """Something that is happening in a cluster: a pool whose number of PGs is changing, or an event whose progress the
    cluster itself reports."""

    pool: Annotated[str | None, Meta(description="null for an event that concerns no pool")]
    id: Annotated[Id | None, Meta(description="the id of the pool")]
    before: Annotated[Id | None, Meta(description="PGs when the change was first seen; null for an event")]
    after: Annotated[Id | None, Meta(description="the target; null for an event")]
    percent: Annotated[Percent | None, Meta(description="never falls; null if the cluster does not report it")]
    text: Annotated[str, Meta(description="its progress, in words")]
    since: Annotated[Time, Meta(description="when it began, or was first seen if the cluster does not report that")]


class ChangeListView(Struct, frozen=True):
    """What is happening in a cluster without a task."""

    results: Annotated[list[ChangeView], Meta(max_length=MOST_CHANGES)]


def change_view(change: Change) -> ChangeView:
    return ChangeView(
        pool=change.pool,
        id=change.pool_id,
        before=change.before,
        after=change.after,
        percent=change.percent,
        text=change.text,
        since=iso_time(change.since),
    )


class ClusterChangesHandler(ClusterHandler):
    """What is happening in a cluster without a task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: ChangeListView}, query={"stale": STALE}),
    }

    async def get(self, fsid: str) -> None:
        """Lists pools that are being changed by others or the autoscaler, and what the cluster itself reports."""
        watch = await self.watch(fsid)
        state = (await self.reading(watch.state)).value
        going_on = changes(state, watch.observed, lambda pool: self.pool_view(fsid, pool).task is not None)
        self.send(ChangeListView([change_view(change) for change in going_on]))


class FollowHandler(ClusterHandler):
    """A change of a pool that began elsewhere."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: PoolView, 201: PoolView},
            headers=CREATING_HEADERS,
            answer_headers={**TASK_LOCATION, **APPLIED},
            problems=(403, 409),
        ),
    }

    async def post(self, fsid: str, pool_id: str) -> None:
        """Creates a task that follows a change made by others until the PGs are in place; sets nothing."""
        watch = await self.watch(fsid)
        key, wait = self.request_key(), self.preferred_wait()
        async with watch.deciding:
            _, pool = await watch.pool(pool_number(pool_id), fresh=True)
            going_on = watch.observed.moving.get(pool.id)
            created = await self.services.queue.known(key) or await self._follow(fsid, pool, going_on, key)
        await self.as_preferred(created.task, wait)
        self.send(self.pool_view(fsid, await self.as_last_read(watch, pool)), 201 if created.is_new else 200)

    async def _follow(self, fsid: str, pool: Pool, going_on: Progress | None, key: RequestKey | None) -> Created:
        """Creates the task. Raises Conflict if a task works on the pool already, or nothing changes it."""
        pending = await self.pending(fsid, pool)
        if pending:
            raise Conflict(f"A task already works on pool {pool.name}: {pending[0]}.")
        if going_on is None:
            raise Conflict(f"Pool {pool.name} is not changing: it already has the {pool.pg_num} PGs that were set.")
        if pool.pg_num_target != pool.pgp_num_target:
            raise Conflict(
                f"The targets of pool {pool.name} differ: {pool.pg_num_target} PGs (pg_num), {pool.pgp_num_target} for "
                "placement (pgp_num). No task can follow that; set the number of PGs to make them equal."
            )
        target = going_on.target
        wanted = change_of(fsid, pool, target.pg_num, starting_pg_num(target))
        return await self.services.queue.submit(wanted, self.actor, key)
