"""What goes on in a cluster without a task, and tasks that follow it, by REST: contract, section 8."""

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
    """Something that goes on in a cluster: a pool whose number of PGs moves toward its target, or an event of which the
    cluster itself reports the progress."""

    pool: Annotated[str | None, Meta(description="null for an event that concerns no pool")]
    id: Annotated[Id | None, Meta(description="of the pool")]
    before: Annotated[Id | None, Meta(description="PGs when the change was first seen; null for an event")]
    after: Annotated[Id | None, Meta(description="the target; null for an event")]
    percent: Annotated[Percent | None, Meta(description="never falls; null if the cluster does not say it")]
    text: Annotated[str, Meta(description="what has come of it, in plain words")]
    since: Annotated[Time, Meta(description="when it began, or, if the cluster does not say, was first seen")]


class ChangeListView(Struct, frozen=True):
    """What goes on in a cluster without a task."""

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
    """What goes on in a cluster without a task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: ChangeListView}, query={"stale": STALE}),
    }

    async def get(self, fsid: str) -> None:
        """Lists the pools that others change, or the autoscaler, and what the cluster itself reports."""
        watch = await self.watch(fsid)
        state = (await self.reading(watch.state)).value
        going_on = changes(state, watch.observed, lambda pool: self.pool_view(fsid, pool).task is not None)
        self.send(ChangeListView([change_view(change) for change in going_on]))


class FollowHandler(ClusterHandler):
    """A change of a pool that was begun elsewhere."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: PoolView, 201: PoolView},
            headers=CREATING_HEADERS,
            answer_headers={**TASK_LOCATION, **APPLIED},
            problems=(403, 409),
        ),
    }

    async def post(self, fsid: str, pool_id: str) -> None:
        """Follows, as a task, what others make of the pool until its PGs are in place; sets nothing."""
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
            raise Conflict(f"A task works on pool {pool.name} already: {pending[0]}.")
        if going_on is None:
            raise Conflict(f"Nothing changes pool {pool.name}: it has the {pool.pg_num} PGs that it is to have.")
        if pool.pg_num_target != pool.pgp_num_target:
            raise Conflict(
                f"Pool {pool.name} is to have {pool.pg_num_target} PGs, of which {pool.pgp_num_target} are placed by "
                "themselves (pgp_num): no task follows that. Set the number of PGs to make both the same."
            )
        target = going_on.target
        wanted = change_of(fsid, pool, target.pg_num, starting_pg_num(target))
        return await self.services.queue.submit(wanted, self.actor, key)
