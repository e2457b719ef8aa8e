"""Writes what happens to tasks while workers have them, for each task in one line.

What cannot be written is retained in order and tried again; only what is on disk is acknowledged. People do not wait
for that: their requests fail at once. What the store refuses although it can write ends its task as an Exception.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from concurrency.backoff import Backoff
from jobs.errors import NoSuchTask, StorageUnavailable
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import Task
from jobs.queue.background import Background
from jobs.queue.runs import ActiveRun, Write
from jobs.store import TaskStore

log = logging.getLogger("hourglass.queue")

FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 5.0


class RunListener(Protocol):
    """What a writer reports."""

    def run_changed(self, run: ActiveRun, before: Task | None) -> None:
        """Reports that `run.task` is on disk; `before` is its earlier state, None if it has just been taken."""

    def run_written(self, run: ActiveRun) -> None:
        """Reports that what its worker waits for is on disk."""

    def run_refused(self, run: ActiveRun, error: Exception) -> Sequence[TaskUpdate]:
        """Stops the worker, since what it reported cannot be stored, and returns how the task ends."""

    def run_ended(self, run: ActiveRun) -> None:
        """Reports that its worker has reported its end, and everything is on disk."""

    def writing_works_again(self) -> None:
        """Reports that everything that could not be written is on disk now."""


class RunWriter:
    """Writes the lines of all runs, each by itself."""

    def __init__(self, store: TaskStore, background: Background, listener: RunListener) -> None:
        self._store = store
        self._background = background
        self._listener = listener
        self._blocked: dict[int, StorageUnavailable] = {}
        self._unfinished: set[int] = set()

    @property
    def is_blocked(self) -> bool:
        """Returns whether something that workers reported could not be written yet."""
        return bool(self._blocked)

    @property
    def may_take_for_ever(self) -> bool:
        """Returns whether something is tried again and again, which a stop cannot wait for."""
        return self.is_blocked or bool(self._unfinished)

    def write(self, run: ActiveRun, *updates: TaskUpdate, acknowledges: bool = False) -> None:
        """Writes updates of the server's own, after what is in the run's line already."""
        self._enqueue(run, Write(updates, acknowledges=acknowledges))

    async def write_and_wait(self, run: ActiveRun, update: TaskUpdate) -> Task | None:
        """Writes an update that a person requested, in its turn. Raises StorageUnavailable, or as `update` does."""
        if run.task_id in self._blocked:
            raise StorageUnavailable(str(self._blocked[run.task_id]))
        answer: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._enqueue(run, Write([update], answer))
        return await answer

    def give_up(self, runs: Sequence[ActiveRun]) -> None:
        """Fails the requests that wait. What could not be written by now is repeated after the next start."""
        for run in runs:
            run.fail_waiting_callers(StorageUnavailable())

    def _enqueue(self, run: ActiveRun, write: Write) -> None:
        run.enqueue(write)
        if not run.is_writing:
            run.is_writing = True
            self._background.begin(self._write_line(run))

    async def _write_line(self, run: ActiveRun) -> None:
        backoff = Backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        while run.has_writes:
            if await self._write_group(run, run.next_group()):
                backoff.reset()
            else:
                await run.wait_for_more(backoff.next_seconds())
        run.is_writing = False
        if run.over:
            self._listener.run_ended(run)

    async def _write_group(self, run: ActiveRun, group: Sequence[Write]) -> bool:
        """Returns whether to continue at once; otherwise the group is back in the line, to be tried again later."""
        try:
            task = await self._store.change(run.task_id, *(update for write in group for update in write.updates))
        except StorageUnavailable as error:
            self._retain(run, group, error)
            return False
        except Exception as error:  # noqa: BLE001  a refusal must not hold up its worker forever
            self._unblock(run)
            return self._refuse(run, group, error)
        before, run.task = run.task, task
        for write in group:
            write.succeed(task)
        self._unblock(run)
        self._unfinished.discard(run.task_id)
        self._listener.run_changed(run, before)
        self._acknowledge(run, group)
        return True

    def _acknowledge(self, run: ActiveRun, group: Sequence[Write]) -> None:
        if any(write.acknowledges for write in group) and not run.over:
            self._listener.run_written(run)

    def _refuse(self, run: ActiveRun, group: Sequence[Write], error: Exception) -> bool:
        """Deals with a refused write. A person's request may be refused. The server's own writes are refused without
        consequence if the task was deleted while it was stopping. Otherwise several writes are tried one by one, and
        the one that is refused ends the task. Returns False if that end is refused too: it is tried again later."""
        if group[0].answer is not None:
            group[0].fail(error)
        elif isinstance(error, NoSuchTask):
            self._acknowledge(run, group)
        elif len(group) > 1:
            run.put_back_apart(group)
        else:
            log.error("task %d: %s", run.task_id, error, exc_info=error, extra={"task": run.task_id})
            if group[0].ends_refused:
                self._unfinished.add(run.task_id)
                return run.put_last(group[0])
            if not run.is_ending_refused:
                updates = self._listener.run_refused(run, error)
                run.put_back([Write(updates, goes_alone=True, ends_refused=True)])
        return True

    def _retain(self, run: ActiveRun, group: Sequence[Write], error: StorageUnavailable) -> None:
        run.put_back(group)
        run.fail_waiting_callers(error)
        if run.has_writes:
            if not self._blocked:
                log.error("%s Until then reports of workers are held in memory.", error)
            self._blocked[run.task_id] = error

    def _unblock(self, run: ActiveRun) -> None:
        if self._blocked.pop(run.task_id, None) is not None and not self._blocked:
            log.warning("All reports of workers are written now.")
            self._listener.writing_works_again()
