"""After a start: takes over the tasks that an earlier server left unfinished."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from msgspec.structs import replace

from jobs.definition import composition
from jobs.definition.registry import Registry
from jobs.model import lifecycle
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import Status, Task
from jobs.queue.bookkeeping import Bookkeeping
from jobs.store import TaskStore

RECOVERED_AT_ONCE = 20
"""Waiting tasks in memory at a time, and besides those that were started, no more than there were workers."""


class Recovery:
    """Decides what becomes of each unfinished task.

    `adopt` gets those that were started, and returns the ids of those that are still running. `let_wait` gets those
    that can run, as they are on disk.
    """

    def __init__(
        self,
        store: TaskStore,
        registry: Registry,
        bookkeeping: Bookkeeping,
        clock: Callable[[], int],
        adopt: Callable[[Sequence[Task]], Awaitable[Collection[int]]],
        let_wait: Callable[[Task], None],
    ) -> None:
        self._store = store
        self._registry = registry
        self._bookkeeping = bookkeeping
        self._clock = clock
        self._adopt = adopt
        self._let_wait = let_wait

    async def run(self) -> None:
        """Recovers all tasks. Raises StorageUnavailable."""
        task_ids = await self._store.unfinished()
        started: list[Task] = []
        for first in range(0, len(task_ids), RECOVERED_AT_ONCE):
            for found in await self._store.tasks(task_ids[first : first + RECOVERED_AT_ONCE]):
                # Large parameters are left out of many tasks at once.
                task = found if found.params else await self._store.task(found.id)
                if task.status is Status.NOT_STARTED:
                    await self._wait_or_end(task)
                else:
                    started.append(task)
        adopted = await self._adopt(started)
        for task in started:
            if task.id not in adopted:
                await self._interrupt(task)

    async def _interrupt(self, task: Task) -> None:
        """Ends the run of a task that no worker has any more."""
        if task.stopping:
            await self._store.change(task.id, lifecycle.stopped(self._clock()))
            return
        resumes = composition.limits_of(self._registry, task.job, task.params).resumes
        update = lifecycle.interrupted(self._clock(), "the server stopped", resumes)
        interrupted = await self._store.change(task.id, update)
        self._bookkeeping.ended(interrupted)
        if interrupted is not None and interrupted.is_pending:
            await self._wait_or_end(replace(interrupted, params=task.params))

    async def _wait_or_end(self, task: Task) -> None:
        now = self._clock()
        impossible = self._impossible(task, now)
        if impossible is None:
            self._let_wait(task)
            return
        self._bookkeeping.ended(await self._store.change(task.id, impossible))
        self._bookkeeping.settled(task.id)

    def _impossible(self, task: Task, now: int) -> TaskUpdate | None:
        """Returns how a task ends that cannot run under this version of the service; None if it can."""
        for name in composition.names_in(self._registry, task.job, task.params):
            if self._registry.find(name) is None or self._registry.unavailable_because(name) is not None:
                return lifecycle.job_gone(now, name)
        mistake = composition.mistake_of_locks(task.locks)
        return lifecycle.over_limit(now, f"it cannot run: {mistake}") if mistake else None
