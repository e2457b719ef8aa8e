"""The configured clusters and their pools by REST: contract, section 8."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from ceph.pool_changes.creations import NewPool
from ceph.pool_changes.preflight import (
    Preflight,
    impossible_now,
    needs_task,
    preflight,
)
from ceph.pools import PgNum
from ceph.reader.cached import Reading
from ceph.reader.watch import ClusterWatch
from ceph.state import ClusterState, Pool
from handlers.ceph.cluster import STALE, TASK_LOCATION, ClusterHandler, change_of, pool_number
from handlers.ceph.views import ClusterListView, PoolListView, PoolView, cluster_view
from handlers.creating import APPLIED, CREATING_HEADERS
from handlers.http.api import API, ApiHandler
from handlers.http.operation import Operation
from handlers.http.paging import PagingHandler, matching, page_of, page_query, sorted_rows
from handlers.http.query import BOOLEAN, QueryParameter
from jobs.clock import iso_time
from jobs.definition.params import validated
from jobs.definition.schemas import schema_of_struct
from jobs.errors import Conflict
from jobs.model.task import Task
from jobs.store import Created

_WORDS = "letters, digits, _, - and ."
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$", max_length=128, extra={"words": f"1 to 128 {_WORDS}"})]
_Application = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]*$", max_length=100, extra={"words": f"up to 100 {_WORDS}"})
]


class PoolCreation(Struct, forbid_unknown_fields=True):
    """The pool to create."""

    name: _Name
    pg_num: PgNum
    application: _Application = "rbd"


class PoolChange(Struct, forbid_unknown_fields=True):
    """The number of PGs to set."""

    pg_num: PgNum


class ConsideredChange(Struct, forbid_unknown_fields=True):
    """A number of PGs to check without setting it: any number, the answer says what is wrong with it."""

    pg_num: int


_POOL_KEYS = {name: attrgetter(name) for name in ("id", "name", "size", "application", "pg_num", "used_bytes")}


class ClustersHandler(ApiHandler):
    """The configured Ceph clusters."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={200: ClusterListView})}

    async def get(self) -> None:
        """Lists the clusters; says why, if one does not answer."""
        watches = self.services.clusters.all
        await asyncio.gather(*(watch.look() for watch in watches))
        self.send(ClusterListView([cluster_view(watch) for watch in watches]))


class PoolListHandler(PagingHandler, ClusterHandler):
    """The pools of a cluster."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: PoolListView}, query={**page_query([*_POOL_KEYS], "name", "pools"), "stale": STALE}
        ),
        "POST": Operation(
            answers={200: PoolView, 201: PoolView},
            headers=CREATING_HEADERS,
            body=lambda _: schema_of_struct(PoolCreation),
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
        request = self.page_request("name")
        rows = matching(reading.value.pools, request.search, lambda pool: pool.name)
        rows = sorted_rows(rows, request.ordering, _POOL_KEYS, tie=lambda pool: pool.id)
        return PoolListView(
            **self.page_frame(request, len(rows)),
            as_of=iso_time(reading.as_of),
            results=[self.pool_view(fsid, pool) for pool in page_of(rows, request)],
        )

    async def post(self, fsid: str) -> None:
        """Creates a replicated pool, which exists at once; a task follows its PGs until they are clean."""
        watch = await self.watch(fsid)
        given = validated(PoolCreation, self.json(), "a pool")
        key, wait = self.request_key(), self.preferred_wait()
        new = NewPool(name=given.name, pg_num=given.pg_num, application=given.application)
        creations = self.services.creations
        created = await self.services.queue.known(key)
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
        """Returns the pool that a task has followed since its creation. Raises Conflict if it is gone."""
        params = json.loads(task.params)
        given: int | str = params["pool"] if params.get("pool_id") is None else params["pool_id"]
        pool = (await watch.state.get()).value.find(given)
        if pool is None:
            raise Conflict(f"Pool {params['pool']} was created, but has since been removed.")
        return pool


class PoolHandler(ClusterHandler):
    """A pool."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: PoolView}, query={"stale": STALE}),
        "PUT": Operation(
            answers={200: PoolView | Preflight},
            query={"dry_run": QueryParameter(BOOLEAN, "change nothing, and return what the change would mean")},
            headers={"Prefer": CREATING_HEADERS["Prefer"]},
            body=lambda _: schema_of_struct(PoolChange),
            example={"pg_num": 64},
            answer_headers={"Taskqueue-Location": "the address of the task, if one was needed", **APPLIED},
            problems=(403, 409),
        ),
    }

    async def get(self, fsid: str, pool_id: str) -> None:
        """Shows the pool."""
        watch = await self.watch(fsid)
        _, pool = await watch.pool(pool_number(pool_id), stale=self.value("stale", False))
        self.send(self.pool_view(fsid, pool))

    async def put(self, fsid: str, pool_id: str) -> None:
        """Sets the number of PGs, as a task, or returns what that would mean."""
        watch = await self.watch(fsid)
        dry_run = self.value("dry_run", False)
        body: type[PoolChange | ConsideredChange] = ConsideredChange if dry_run else PoolChange
        change = validated(body, self.json(), "a change of a pool")
        wait = self.preferred_wait()
        if dry_run:
            state, facts, pool = await watch.facts(pool_number(pool_id))
            consequences = preflight(state, facts, pool, change.pg_num, await self.pending(fsid, pool))
            self.check_actor()
            self.send(consequences)
            return
        state, pool = await watch.pool(pool_number(pool_id), fresh=True)
        await watch.no_longer_creating(pool.name)
        async with watch.deciding:
            created = await self._change(fsid, state, pool, change.pg_num)
        if created is not None:
            await self.as_preferred(created.task, wait)
        self.send(self.pool_view(fsid, await self.as_last_read(watch, pool)))

    async def _change(self, fsid: str, state: ClusterState, pool: Pool, pg_num: int) -> Created | None:
        """Returns the task that changes the pool, None if none is needed. Raises Conflict."""
        pending = await self.pending(fsid, pool)
        refused = impossible_now(state, pool, pg_num, pending)
        if refused:
            raise Conflict(refused)
        if not needs_task(pool, pg_num, pending):
            return None
        return await self.services.queue.submit(change_of(fsid, pool, pg_num), self.actor)
