"""A task while a worker has it, and the one line in which everything that happens to it meanwhile is written.

What cannot be written is kept, in order, and tried again; only what is on disk is acknowledged. People do not wait
behind what is kept: they are told. What the store refuses, whatever else it could write, ends its task as an Exception.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import NoSuchTask, StorageUnavailable
from jobs.model.backlog import Entry, Schedule
from jobs.model.lifecycle import Step
from jobs.model.pace import Pace
from jobs.model.task import RoundRecord, Task
from jobs.store import TaskStore

log = logging.getLogger("hourglass.queue")

FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 5.0


class Background:
    """Work that nobody waits for; a defect in it is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        # In a context of its own: it outlives the request that it began in, and must not log in its name.
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finish(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Waits until nothing is left to do, but gives up when `unless` holds."""
        while self._tasks and not unless():
            await asyncio.wait(set(self._tasks), timeout=LONGEST_RETRY_SECONDS)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("a defect in the queue", exc_info=task.exception())


class _Write(Struct):
    """Something to be written for a run: our own steps, or one of a person, who waits for the answer."""

    steps: Sequence[Step]
    answer: asyncio.Future[Task | None] | None = None
    acknowledges: bool = False
    goes_alone: bool = False
    ends_refused: bool = False
    """It is written because another write of ours was refused."""


class Run:
    """A task that a worker has, until its last round has ended and all of it is on disk.

    `task` is what the last write made of it, None before the first one, and where that `deleted` it; `begun` is true
    once its order has gone to the worker, and `decided` is set then, or when it was put back instead; `over` is true
    when the worker has said its last word.
    """

    def __init__(self, entry: Entry, steady_now: int) -> None:
        self.task_id = entry.task
        self.entry = entry
        self.pace = Pace(steady_now)
        self.expected_seconds: float = 0
        self.task: Task | None = None
        self.deleted = False
        self.resumes = True
        self.begun = False
        self.decided = asyncio.Event()
        self.over = False
        self.finished = asyncio.Event()
        self.stalled = False
        self.round = 0
        """The number of the last round that was reported."""
        self._line: deque[_Write] = deque()
        self._more = asyncio.Event()
        self._is_writing = False

    def new_among(self, rounds: Sequence[RoundRecord]) -> list[RoundRecord]:
        """Returns the rounds that were not reported before: after an adoption an engine may repeat some."""
        new = [done for done in rounds if done.number > self.round]
        self.round = new[-1].number if new else self.round
        return new


class Runs:
    """The tasks in workers' hands. They hold their locks until they are removed from here."""

    def __init__(self, backlog: Schedule, steady: Callable[[], int]) -> None:
        self._backlog = backlog
        self._steady = steady
        self._runs: dict[int, Run] = {}

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs.values())

    def get(self, task_id: int) -> Run | None:
        """Returns the run of a task; None if no worker has it."""
        return self._runs.get(task_id)

    def add(self, entry: Entry) -> Run:
        """Begins the run of a task that was taken from the backlog."""
        run = self._runs[entry.task] = Run(entry, self._steady())
        return run

    def adopt(self, entry: Entry) -> Run:
        """Begins the run of a task that is running already: it takes its locks."""
        self._backlog.hold_also(entry.task, entry.locks)
        return self.add(entry)

    def remove(self, run: Run) -> None:
        """Ends a run: its locks are free."""
        del self._runs[run.task_id]
        self._backlog.release(run.task_id)
        run.finished.set()


class RunListener(Protocol):
    """What a writer tells."""

    def run_changed(self, run: Run, before: Task | None) -> None:
        """`run.task` is on disk; `before` is what it was, None where it has just been taken."""

    def run_written(self, run: Run) -> None:
        """What its worker waits for is on disk."""

    def run_refused(self, run: Run, error: Exception) -> Sequence[Step]:
        """What its worker reported cannot be stored: gives up its worker, and says how the task shall end."""

    def run_ended(self, run: Run) -> None:
        """Its worker has said its last word, and all of it is on disk."""

    def writing_works_again(self) -> None:
        """Nothing is kept back any more."""


class RunWriter:
    """Writes what happens to runs."""

    def __init__(self, store: TaskStore, background: Background, listener: RunListener) -> None:
        self._store = store
        self._background = background
        self._listener = listener
        self._kept_back: dict[int, StorageUnavailable] = {}
        self._unfinished: set[int] = set()

    @property
    def is_blocked(self) -> bool:
        """Whether something that workers reported could not be written yet."""
        return bool(self._kept_back)

    @property
    def may_take_for_ever(self) -> bool:
        """Whether something is tried again and again, which a stop cannot wait for."""
        return self.is_blocked or bool(self._unfinished)

    def write(self, run: Run, *steps: Step, acknowledges: bool = False) -> None:
        """Puts our own steps into the run's line."""
        self._put(run, _Write(steps, acknowledges=acknowledges))

    async def write_for_person(self, run: Run, step: Step) -> Task | None:
        """Writes a step that somebody waits for, in its turn. Raises StorageUnavailable, and what the step raises."""
        if run.task_id in self._kept_back:
            raise StorageUnavailable(str(self._kept_back[run.task_id]))
        answer: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._put(run, _Write([step], answer))
        return await answer

    def give_up(self, runs: Sequence[Run]) -> None:
        """What could not be written by now is done again after the next start."""
        for run in runs:
            self._tell_people(run, StorageUnavailable())

    def _put(self, run: Run, write: _Write) -> None:
        run._line.append(write)
        run._more.set()
        if not run._is_writing:
            run._is_writing = True
            self._background.begin(self._write_line(run))

    async def _write_line(self, run: Run) -> None:
        delay = FIRST_RETRY_SECONDS
        while run._line:
            group = _next_group(run._line)
            try:
                task = await self._store.change(run.task_id, *(step for write in group for step in write.steps))
            except StorageUnavailable as error:
                self._keep_back(run, group, error)
                must_wait = True
            except Exception as error:  # noqa: BLE001  a refusal must not hold up its worker for ever
                self._let_go(run)
                must_wait = not self._refuse(run, group, error)
            else:
                self._note_written(run, group, task)
                must_wait = False
            if must_wait:
                await _sleep(delay, run)
            delay = min(2 * delay, LONGEST_RETRY_SECONDS) if must_wait else FIRST_RETRY_SECONDS
        run._is_writing = False
        if run.over:
            self._listener.run_ended(run)

    def _note_written(self, run: Run, group: Sequence[_Write], task: Task | None) -> None:
        before, run.task = run.task, task
        _answer(group, task)
        self._let_go(run)
        self._unfinished.discard(run.task_id)
        self._listener.run_changed(run, before)
        if any(write.acknowledges for write in group) and not run.over:
            self._listener.run_written(run)

    def _refuse(self, run: Run, group: Sequence[_Write], error: Exception) -> bool:
        """A person is told; a task that was deleted while it was stopping needs no more words. Otherwise, of several
        writes each is tried by itself, and the one that is refused ends the task. False: that too is refused, and to be
        tried again after a while.
        """
        if group[0].answer is not None:
            _fail(group[0].answer, error)
        elif isinstance(error, NoSuchTask):
            if any(write.acknowledges for write in group) and not run.over:
                self._listener.run_written(run)
        elif len(group) > 1:
            run._line.extendleft(replace(write, goes_alone=True) for write in reversed(group))
        else:
            log.error("task %d: %s", run.task_id, error, exc_info=error, extra={"task": run.task_id})
            if group[0].ends_refused:
                self._unfinished.add(run.task_id)
                others_wait = bool(run._line)
                run._line.append(group[0])  # behind people, who may have better luck
                return others_wait
            if any(write.ends_refused for write in run._line):
                return True  # it ends already
            ending = self._listener.run_refused(run, error)
            run._line.appendleft(_Write(ending, goes_alone=True, ends_refused=True))
        return True

    def _keep_back(self, run: Run, group: Sequence[_Write], error: StorageUnavailable) -> None:
        run._line.extendleft(reversed(group))
        self._tell_people(run, error)
        if run._line:
            if not self._kept_back:
                log.error("%s What workers report is kept and written then.", error)
            self._kept_back[run.task_id] = error

    def _tell_people(self, run: Run, error: StorageUnavailable) -> None:
        for write in run._line:
            if write.answer is not None:
                _fail(write.answer, error)
        run._line = deque(write for write in run._line if write.answer is None)

    def _let_go(self, run: Run) -> None:
        if self._kept_back.pop(run.task_id, None) is not None and not self._kept_back:
            log.warning("Everything that was kept is written now.")
            self._listener.writing_works_again()


async def _sleep(seconds: float, run: Run) -> None:
    """Until something more is to be written, which may be what a person waits for."""
    run._more.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await run._more.wait()


def _next_group(line: deque[_Write]) -> list[_Write]:
    """The next writes of ours together, or one of a person alone: if that is refused, nothing goes with it."""
    group = [line.popleft()]
    while line and _goes_with_others(group[0]) and _goes_with_others(line[0]):
        group.append(line.popleft())
    return group


def _goes_with_others(write: _Write) -> bool:
    return write.answer is None and not write.goes_alone


def _answer(group: Sequence[_Write], task: Task | None) -> None:
    for write in group:
        if write.answer is not None and not write.answer.done():
            write.answer.set_result(task)


def _fail(answer: asyncio.Future[Task | None], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
