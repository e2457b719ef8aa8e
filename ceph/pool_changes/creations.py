"""Creates pools, each with a task that follows it, even if the server or the cluster dies in between.

A request is on disk before the pool is created, and until the answer is sent. If a request that was never answered is
repeated, it gets the pool and task of the first one; and a pool that was created meanwhile gets its task in any case.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from ceph.errors import ClusterError, ClusterRefused
from ceph.job_names import CREATE_POOL
from ceph.pool_changes.creation_store import PoolCreation, PoolCreationStore
from ceph.pools import pool_lock
from ceph.reader.watch import ClusterWatch, ClusterWatches
from ceph.state import ClusterState, Pool
from concurrency.backoff import Backoff
from jobs.clock import wall_clock
from jobs.definition.submission import Submission
from jobs.errors import Conflict, HourglassError, StorageUnavailable
from jobs.store import Created, RequestKey

log = logging.getLogger("hourglass.ceph")

REMEMBERED_MS = 24 * 3600 * 1000
SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
MISSING_SECONDS = 10.0
"""How long a missing pool is looked for: a monitor may still carry out an order to which it never answered."""


class NewPool(Struct, frozen=True, kw_only=True):
    """What a request asks for. An empty `application` is none."""

    name: str
    pg_num: int
    application: str


class PoolTasks(Protocol):
    """What creations need of the queue of tasks, which is jobs.queue's TaskQueue."""

    def check(self, submission: Submission) -> None:
        """Raises what `submit` would, as far as that is known beforehand."""

    async def submit(self, submission: Submission, by: str | None, key: RequestKey | None = None) -> Created:
        """Creates a task; for a key that is known already, returns its task."""

    async def existing(self, task_id: int) -> Created:
        """Returns a task that was created before, as it is now. Raises Conflict if it was deleted since."""

    def pending_on(self, *locks: str) -> list[int]:
        """Returns the ids of the pending tasks that hold or want one of these locks, in order."""


class PoolCreations:
    """The creations of pools in all clusters."""

    def __init__(self, store: PoolCreationStore, queue: PoolTasks, clusters: ClusterWatches) -> None:
        self._store = store
        self._queue = queue
        self._clusters = clusters
        self._begun: dict[tuple[str, str], PoolCreation] = {}
        self._answering: set[tuple[str, str]] = set()
        self._adopted_now: set[tuple[str, str]] = set()
        self._missing_since: dict[tuple[str, str], float] = {}
        self._adopting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes over the creations that an earlier server has begun. Raises StorageUnavailable."""
        self._begun = {(begun.fsid, begun.name): begun for begun in await self._store.all()}
        await self._forget_old()
        self._adopt()

    async def stop(self) -> None:
        if self._adopting is not None:
            self._adopting.cancel()
            await asyncio.wait([self._adopting])

    @contextmanager
    def answering(self, fsid: str, name: str) -> Iterator[None]:
        """Reserves the answer about a pool of this name for one request, which waits for it meanwhile."""
        place = fsid, name
        is_first = place not in self._answering
        self._answering.add(place)
        try:
            yield
        finally:
            if is_first:
                self._answering.discard(place)

    async def create(
        self, watch: ClusterWatch, fsid: str, new: NewPool, by: str, key: RequestKey | None, check: Callable[[], object]
    ) -> tuple[Created, Pool]:
        """Creates a pool and its task; returns both, or those of the same request before.

        Raises ClusterError, Conflict if there is such a pool or somebody creates it, and what `PoolTasks.submit` and
        `check` raise. `check` is called once the cluster has answered and before anything is changed.
        """
        self._queue.check(_submission(fsid, new))
        while (fsid, new.name) in self._adopted_now:
            await watch.no_longer_creating(new.name)
        is_alone = (fsid, new.name) not in self._answering
        with watch.creating(new.name), self.answering(fsid, new.name):
            state = (await watch.state.get_from_now()).value
            check()
            begun = self._begun.get((fsid, new.name))
            if is_alone and begun is not None and _is_same(begun, new, by, key):
                adopted = await self._finish(watch, begun, state)
                if adopted is not None:
                    return adopted
            _refuse_taken(state, new.name)
            await self._forget_old()
            return await self._create(watch, _creation(fsid, new, by, key, state))

    async def answered(self, fsid: str, name: str, task_id: int) -> None:
        """Forgets the request for this pool, whose answer has been sent."""
        begun = self._begun.get((fsid, name))
        if begun is not None and begun.task == task_id:
            await self._forget(begun)

    async def _create(self, watch: ClusterWatch, begun: PoolCreation) -> tuple[Created, Pool]:
        await self._store_creation(begun)
        try:
            pool = await watch.create_pool(begun.name, begun.pg_num, begun.application or None)
        except ClusterRefused:
            await self._forget(begun)
            raise
        except ClusterError:
            self._adopt()
            raise
        try:
            return await self._follow(begun, pool), pool
        except HourglassError:
            self._adopt()
            raise

    async def _finish(
        self, watch: ClusterWatch, begun: PoolCreation, state: ClusterState
    ) -> tuple[Created, Pool] | None:
        """Returns the pool and task of a request that was never answered; None if no pool was created."""
        pool = _pool_of(begun, state)
        if pool is None:
            await self._forget(begun)
            return None
        if begun.application and pool.application is None:
            pool = await watch.create_pool(begun.name, begun.pg_num, begun.application)
        return await self._follow(begun, pool), pool

    async def _follow(self, begun: PoolCreation, pool: Pool) -> Created:
        """Returns the task that follows a pool, and creates it if there is none."""
        if begun.task is not None:
            return await self._queue.existing(begun.task)
        created = await self._task_on(begun.fsid, pool)
        if created is None:
            new = NewPool(name=begun.name, pg_num=begun.pg_num, application=begun.application)
            created = await self._queue.submit(_submission(begun.fsid, new, pool.id), begun.user, begun.key)
        await self._store_creation(replace(begun, pool=pool.id, task=created.task.id))
        return created

    async def _task_on(self, fsid: str, pool: Pool) -> Created | None:
        """Returns the pending task that creates a pool: an earlier server may have ended just after storing it."""
        for task_id in self._queue.pending_on(pool_lock(fsid, pool.id)):
            created = await self._queue.existing(task_id)
            if created.task.job == CREATE_POOL:
                return created
        return None

    # Adoption of creations that were interrupted

    def _adopt(self) -> None:
        is_over = self._adopting is None or self._adopting.done()
        if is_over and any(begun.task is None for begun in self._begun.values()):
            self._adopting = asyncio.create_task(self._adopt_all())

    async def _adopt_all(self) -> None:
        """Retries until each pool that was created has its task, and all others are known not to exist."""
        pauses = Backoff(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while left := [begun for begun in self._begun.values() if begun.task is None]:
            for begun in left:
                try:
                    await self._adopt_one(begun)
                except (ClusterError, StorageUnavailable) as error:
                    log.debug("pool %s cannot be looked up: %s", begun.name, error)
                except HourglassError as error:
                    log.warning("no task follows pool %s, whose creation was interrupted: %s", begun.name, error)
                    self._begun.pop((begun.fsid, begun.name), None)
            await asyncio.sleep(pauses.next_seconds())

    async def _adopt_one(self, begun: PoolCreation) -> None:
        """Finds the pool and has a task follow it. Raises ClusterError, NotFound if the cluster is not
        configured any more, and what `submit` raises."""
        watch = await self._clusters.by_fsid(begun.fsid)
        place = begun.fsid, begun.name
        if watch.is_creating(begun.name):
            return
        with watch.creating(begun.name), self._adopting_now(place):
            pool = _pool_of(begun, (await watch.state.get_from_now()).value)
            if pool is not None:
                task = (await self._follow(begun, pool)).task
                log.info("task %d follows pool %s, whose creation was interrupted", task.id, begun.name)
            elif time.monotonic() - self._missing_since.setdefault(place, time.monotonic()) > MISSING_SECONDS:
                await self._forget(begun)

    @contextmanager
    def _adopting_now(self, place: tuple[str, str]) -> Iterator[None]:
        self._adopted_now.add(place)
        try:
            yield
        finally:
            self._adopted_now.discard(place)

    async def _store_creation(self, begun: PoolCreation) -> None:
        await self._store.store(begun)
        self._begun[begun.fsid, begun.name] = begun
        self._missing_since.pop((begun.fsid, begun.name), None)

    async def _forget_old(self) -> None:
        """Forgets old requests that were never answered: they would have been repeated by now."""
        for begun in list(self._begun.values()):
            if begun.task is not None and _is_old(begun):
                await self._forget(begun)

    async def _forget(self, begun: PoolCreation) -> None:
        self._begun.pop((begun.fsid, begun.name), None)
        self._missing_since.pop((begun.fsid, begun.name), None)
        await self._store.forget(begun)


def _submission(fsid: str, new: NewPool, pool_id: int | None = None) -> Submission:
    params = {"fsid": fsid, "pool": new.name, "pg_num": new.pg_num, "application": new.application}
    return Submission(job=CREATE_POOL, params=params, prepared={"pool_id": pool_id})


def _creation(fsid: str, new: NewPool, by: str, key: RequestKey | None, state: ClusterState) -> PoolCreation:
    return PoolCreation(
        fsid=fsid,
        name=new.name,
        pg_num=new.pg_num,
        application=new.application,
        newest_pool=max((pool.id for pool in state.pools), default=0),
        at=wall_clock() if key is None else key.at,
        user=by,
        request_path=None if key is None else key.path,
        request_key=None if key is None else key.key,
        request_body_hash=None if key is None else key.body_hash,
    )


def _is_same(begun: PoolCreation, new: NewPool, by: str, key: RequestKey | None) -> bool:
    """Returns whether a request repeats one that was begun."""
    asked = NewPool(name=begun.name, pg_num=begun.pg_num, application=begun.application)
    has_other_key = None not in (key, begun.key) and key.key != begun.request_key  # type: ignore[union-attr]
    return not _is_old(begun) and not has_other_key and (asked, begun.user) == (new, by)


def _is_old(begun: PoolCreation) -> bool:
    return begun.at < wall_clock() - REMEMBERED_MS


def _pool_of(begun: PoolCreation, state: ClusterState) -> Pool | None:
    """Returns the pool that was created: it has the name and number, and is newer than those that existed before."""
    if begun.pool is not None:
        return state.pool(begun.pool)
    pool = state.pool_named(begun.name)
    is_ours = pool is not None and pool.id > begun.newest_pool and pool.pg_num_target == begun.pg_num
    return pool if is_ours else None


def _refuse_taken(state: ClusterState, name: str) -> None:
    """Raises Conflict if there is a pool of this name: the cluster itself would accept a second creation."""
    there = state.pool_named(name)
    if there is not None:
        raise Conflict(f"There is already a pool {name}, number {there.id}: choose another name.")
