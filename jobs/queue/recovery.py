"""After a start: takes over the tasks that an earlier server left unfinished."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from jobs.definition import composition
from jobs.definition.registry import Registry
from jobs.model import lifecycle
from jobs.model.lifecycle import Step
from jobs.model.task import Status, Task
from jobs.queue.bookkeeping import Bookkeeping
from jobs.store import TaskStore

RECOVERED_AT_ONCE = 20
"""Tasks in memory at a time."""


class Recovery:
    """Decides what becomes of each unfinished task. `let_wait` gets those that can run, as they are on disk."""

    def __init__(
        self,
        store: TaskStore,
        registry: Registry,
        bookkeeping: Bookkeeping,
        clock: Callable[[], int],
        let_wait: Callable[[Task], None],
    ) -> None:
        self._store = store
        self._registry = registry
        self._bookkeeping = bookkeeping
        self._clock = clock
        self._let_wait = let_wait

    async def run(self) -> None:
        """Recovers all tasks. Raises StorageUnavailable."""
        task_ids = await self._store.unfinished()
        for first in range(0, len(task_ids), RECOVERED_AT_ONCE):
            for task in await self._store.tasks(task_ids[first : first + RECOVERED_AT_ONCE]):
                # Large parameters are left out of many tasks at once.
                await self._recover(task if task.params else await self._store.task(task.id))

    async def _recover(self, task: Task) -> None:
        now = self._clock()
        recovered: Task | None = task
        if task.stopping:
            recovered = await self._store.change(task.id, lifecycle.stopped(now))
        elif task.status is Status.RUNNING:
            resumes = composition.limits_of(self._registry, task.job, task.params).resumes
            recovered = await self._store.change(task.id, lifecycle.interrupted(now, "the server stopped", resumes))
            self._bookkeeping.ended(recovered)
        if recovered is not None and recovered.is_pending:
            await self._wait_or_end(replace(recovered, params=task.params), now)

    async def _wait_or_end(self, task: Task, now: int) -> None:
        impossible = self._impossible(task, now)
        if impossible is None:
            self._let_wait(task)
            return
        self._bookkeeping.ended(await self._store.change(task.id, impossible))
        self._bookkeeping.settled(task.id)

    def _impossible(self, task: Task, now: int) -> Step | None:
        """Returns how a task ends that cannot run under this version of the service; None if it can."""
        for name in composition.names_in(self._registry, task.job, task.params):
            if self._registry.find(name) is None or self._registry.unavailable_because(name) is not None:
                return lifecycle.job_gone(now, name)
        mistake = composition.mistake_of_locks(task.locks)
        return lifecycle.over_limit(now, f"it cannot run: {mistake}") if mistake else None
