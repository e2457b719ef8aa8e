"""Clusters, their pools and their images by REST: contract, section 8."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from ceph.pool_changes.creations import NewPool
from ceph.pool_changes.preflight import (
    PoolTask,
    Preflight,
    impossible_now,
    needs_task,
    pool_task,
    preflight,
)
from ceph.pools import CHANGES, PgNum, locks_of_pool, prepared_by
from ceph.reader.cached import Kept, Reading, Value
from ceph.reader.watch import ClusterWatch
from ceph.state import ClusterState, Pool
from handlers.ceph.views import ClusterListView, PoolListView, PoolView, cluster_view, pool_view
from handlers.http.base import API, ApiHandler
from handlers.http.operation import Operation
from handlers.http.paging import Wanted, cut, found, neighbours, ordered, page_query
from handlers.http.query import truth
from handlers.tasks import APPLIED, CREATING_HEADERS, CreatingHandler
from jobs.definition.params import Parameter, json_schema, validate
from jobs.errors import Conflict, NoSuchTask, NotFound
from jobs.model.task import Task, iso_time
from jobs.queue.drafts import Submission
from jobs.store import Created

_WORDS = "letters, digits, _, - and ."
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$", max_length=128, extra={"words": f"1 to 128 {_WORDS}"})]
_Application = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]*$", max_length=100, extra={"words": f"up to 100 {_WORDS}"})
]
_NEW_POOL = (Parameter("name", _Name), Parameter("pg_num", PgNum), Parameter("application", _Application, "rbd"))
_CHANGE = (Parameter("pg_num", PgNum),)
_CONSIDERED = (Parameter("pg_num", int),)
STALE = truth.about("answer what was last read, whatever its age, where the cluster does not answer at once")
_POOL_KEYS = {name: attrgetter(name) for name in ("id", "name", "size", "application", "pg_num", "used_bytes")}
TASK_LOCATION = {"Taskqueue-Location": "the address of the task"}


class ClustersHandler(ApiHandler):
    """The configured Ceph clusters."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={200: ClusterListView})}

    async def get(self) -> None:
        """Lists the clusters, and says of those that do not answer why."""
        watches = self.services.tasks.clusters.all
        await asyncio.gather(*(watch.look() for watch in watches))
        self.send(ClusterListView([cluster_view(watch) for watch in watches]))


class ClusterHandler(CreatingHandler):
    """A call about one cluster."""

    task_headers: ClassVar[Sequence[str]] = ("Taskqueue-Location",)

    async def watch(self, fsid: str) -> ClusterWatch:
        """Raises NotFound, ClusterError."""
        return await self.services.tasks.clusters.by_fsid(fsid)

    async def reading(self, kept: Kept[Value]) -> Reading[Value]:
        """What was read just now, or, where that is wanted, what there is. Raises ClusterError."""
        return await (kept.get_or_last() if self.value("stale") else kept.get())

    def wanted(self, ordering: str) -> Wanted:
        return Wanted(
            search=self.value("search", ""),
            ordering=self.value("ordering", ordering),
            page=self.value("page", 1),
            page_size=self.value("pageSize", Wanted().page_size),
        )

    def pages(self, wanted: Wanted, count: int) -> dict[str, Any]:
        """What stands around the rows of a page."""
        after, before = neighbours(self.request.path.rstrip("/"), self.query_texts(), wanted, count)
        return {"count": count, "next": after, "previous": before}

    async def as_last_read(self, watch: ClusterWatch, pool: Pool) -> Pool:
        """The pool for an answer about what was done: that it was stays true, whatever the cluster does meanwhile."""
        return (await watch.state.get_or_last()).value.pool(pool.id) or pool

    def pool_view(self, fsid: str, pool: Pool) -> PoolView:
        pending = self.services.tasks.queue.pending_on(*locks_of_pool(fsid, pool.id, pool.name))
        return pool_view(pool, pending[0] if pending else None)

    async def pending(self, fsid: str, pool: Pool) -> list[PoolTask]:
        """The first of the pending tasks on a pool, and the last: what lies between changes nothing."""
        ids = self.services.tasks.queue.pending_on(*locks_of_pool(fsid, pool.id, pool.name))
        tasks = [await self._task(task_id) for task_id in dict.fromkeys([*ids[:1], *ids[-1:]])]
        return [pool_task(task) for task in tasks if task is not None]

    async def _task(self, task_id: int) -> Task | None:
        try:
            return await self.services.tasks.store.task(task_id)
        except NoSuchTask:
            return None


class PoolListHandler(ClusterHandler):
    """The pools of a cluster."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: PoolListView}, query={**page_query([*_POOL_KEYS], "name", "pools"), "stale": STALE}
        ),
        "POST": Operation(
            answers={200: PoolView, 201: PoolView},
            headers=CREATING_HEADERS,
            body=lambda _: json_schema(_NEW_POOL),
            example={"name": "rbd", "pg_num": 32},
            answer_headers={"Location": "the address of the pool", **TASK_LOCATION, **APPLIED},
            problems=(403, 409),
        ),
    }

    async def get(self, fsid: str) -> None:
        """Lists the pools."""
        watch = await self.watch(fsid)
        reading = await self.reading(watch.state)
        await self.answer(partial(self._page, fsid, reading))

    async def _page(self, fsid: str, reading: Reading[ClusterState]) -> PoolListView:
        wanted = self.wanted("name")
        rows = found(reading.value.pools, wanted.search, lambda pool: pool.name)
        rows = ordered(rows, wanted.ordering, _POOL_KEYS, tie=lambda pool: pool.id)
        return PoolListView(
            **self.pages(wanted, len(rows)),
            as_of=str(iso_time(reading.as_of)),
            results=[self.pool_view(fsid, pool) for pool in cut(rows, wanted)],
        )

    async def post(self, fsid: str) -> None:
        """Creates a replicated pool, which is there at once; a task follows its PGs until they are clean."""
        watch = await self.watch(fsid)
        given: dict[str, Any] = validate(_NEW_POOL, self.json(), "a pool")
        key, wait = self.request_key(), self.preferred_wait()
        new, creations = NewPool(**given), self.services.tasks.creations
        created = await self.services.tasks.queue.known(key)
        if created is not None:
            pool = await self._pool_of(watch, created.task)
        else:
            created, pool = await creations.create(watch, fsid, new, self.actor, key, self.check_actor)
        with creations.answering(fsid, new.name):
            await self._answer(watch, fsid, created, pool, wait)
            if not self.client_has_gone:
                await creations.answered(fsid, new.name, created.task.id)

    async def _answer(self, watch: ClusterWatch, fsid: str, created: Created, pool: Pool, wait: float | None) -> None:
        await self.as_preferred(created.task, wait)
        self.set_header("Location", f"{API}/ceph/{fsid}/pools/{pool.id}")
        self.send(self.pool_view(fsid, await self.as_last_read(watch, pool)), 201 if created.is_new else 200)

    async def _pool_of(self, watch: ClusterWatch, task: Task) -> Pool:
        """The pool that a task follows since it was created. Raises Conflict if it is gone."""
        params = json.loads(task.params)
        given: int | str = params["pool"] if params.get("pool_id") is None else params["pool_id"]
        pool = (await watch.state.get()).value.find(given)
        if pool is None:
            raise Conflict(f"Pool {params['pool']} was created, but has been removed since.")
        return pool


class PoolHandler(ClusterHandler):
    """A pool."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: PoolView}, query={"stale": STALE}),
        "PUT": Operation(
            answers={200: PoolView | Preflight},
            query={"dry_run": truth.about("change nothing, tell what the change would mean")},
            headers={"Prefer": CREATING_HEADERS["Prefer"]},
            body=lambda _: json_schema(_CHANGE),
            example={"pg_num": 64},
            answer_headers={"Taskqueue-Location": "the address of the task, where one was needed", **APPLIED},
            problems=(403, 409),
        ),
    }

    async def get(self, fsid: str, pool_id: str) -> None:
        """Shows the pool."""
        watch = await self.watch(fsid)
        _, pool = await watch.pool(pool_number(pool_id), stale=self.value("stale", False))
        self.send(self.pool_view(fsid, pool))

    async def put(self, fsid: str, pool_id: str) -> None:
        """Sets the number of PGs, as a task, or tells what that would mean."""
        watch = await self.watch(fsid)
        dry_run = self.value("dry_run", False)
        given: dict[str, Any] = validate(_CONSIDERED if dry_run else _CHANGE, self.json(), "a change of a pool")
        wait = self.preferred_wait()
        if dry_run:
            state, facts, pool = await watch.facts(pool_number(pool_id))
            told = preflight(state, facts, pool, given["pg_num"], await self.pending(fsid, pool))
            self.check_actor()
            self.send(told)
            return
        state, pool = await watch.pool(pool_number(pool_id), fresh=True)
        await watch.no_longer_creating(pool.name)
        async with watch.deciding:
            created = await self._change(fsid, state, pool, given["pg_num"])
        if created is not None:
            await self.as_preferred(created.task, wait)
        self.send(self.pool_view(fsid, await self.as_last_read(watch, pool)))

    async def _change(self, fsid: str, state: ClusterState, pool: Pool, pg_num: int) -> Created | None:
        """The task that changes the pool; None where none is needed. Raises Conflict."""
        pending = await self.pending(fsid, pool)
        refused = impossible_now(state, pool, pg_num, pending)
        if refused:
            raise Conflict(refused)
        if not needs_task(pool, pg_num, pending):
            return None
        return await self.services.tasks.queue.submit(change_of(fsid, pool, pg_num), self.actor)


def change_of(fsid: str, pool: Pool, pg_num: int, follows_from: int | None = None) -> Submission:
    """What asks for a task that changes this pool, whatever it is called by then, or follows what others make of it."""
    params = {"fsid": fsid, "pool": pool.id, "pg_num": pg_num}
    prepared = {**prepared_by(pool), "follows_from": follows_from}
    return Submission(job=CHANGES, params=params, prepared=prepared)


def pool_number(text_of_id: str) -> int:
    """Ids are digits; whatever else stands in their place names no pool."""
    if len(text_of_id) > 15:
        raise NotFound(f"There is no pool {text_of_id[:30]}.")
    return int(text_of_id)
