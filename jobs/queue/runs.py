"""Tasks while workers have them, each with the line of what is still to be written about it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from jobs.model.backlog import Backlog, WaitingTask
from jobs.model.lifecycle import TaskUpdate
from jobs.model.pace import Pace
from jobs.model.task import RoundRecord, Task


class Write(Struct):
    """Updates of a task to be written in one go: the server's own, or one that a person requested, who waits for the
    answer. `ends_refused` marks the end of a task because another write of the server was refused."""

    updates: Sequence[TaskUpdate]
    answer: asyncio.Future[Task | None] | None = None
    acknowledges: bool = False
    goes_alone: bool = False
    ends_refused: bool = False

    @property
    def can_be_joined(self) -> bool:
        """Returns whether it may be committed together with others."""
        return self.answer is None and not self.goes_alone

    def succeed(self, task: Task | None) -> None:
        """Answers the person who waits, if any."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(task)

    def fail(self, error: Exception) -> None:
        """Raises the error for the person who waits, if any."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)


class ActiveRun:
    """A task in a worker's hands, until its last round has ended and everything is on disk.

    `task` is its state after the last write: None before the first write, and after a deletion (`deleted`). `begun`:
    its order was sent, for this `attempt`. `decided`: set once it was sent or put back. `claimed`: a worker has said
    that it has it. `may_run`: its job may have begun, since it is on this machine or the claim was acknowledged.
    `over`: the worker has reported its end. `round`: the number of the last round that was reported.
    """

    def __init__(self, waiting: WaitingTask, steady_now: int) -> None:
        self.task_id = waiting.task
        self.waiting = waiting
        self.pace = Pace(steady_now)
        self.expected_seconds: float = 0
        self.task: Task | None = None
        self.deleted = False
        self.resumes = True
        self.begun = False
        self.attempt = 0
        self.claimed = False
        self.may_run = False
        self.decided = asyncio.Event()
        self.over = False
        self.finished = asyncio.Event()
        self.stalled = False
        self.round = 0
        self.is_writing = False
        self._line: deque[Write] = deque()
        self._more = asyncio.Event()

    def new_among(self, rounds: Sequence[RoundRecord]) -> list[RoundRecord]:
        """Returns the rounds that were not reported before: after an adoption an engine may repeat some."""
        new = [done for done in rounds if done.number > self.round]
        self.round = new[-1].number if new else self.round
        return new

    @property
    def has_writes(self) -> bool:
        """Returns whether something is still to be written."""
        return bool(self._line)

    @property
    def is_ending_refused(self) -> bool:
        """Returns whether its end because of a refused write is still to be written."""
        return any(write.ends_refused for write in self._line)

    def enqueue(self, write: Write) -> None:
        """Adds a write at the end of the line."""
        self._line.append(write)
        self._more.set()

    def next_group(self) -> list[Write]:
        """Removes and returns the next writes to commit together: all consecutive ones of the server, or a single one
        requested by a person, so that refusing it affects nothing else."""
        group = [self._line.popleft()]
        while self._line and group[0].can_be_joined and self._line[0].can_be_joined:
            group.append(self._line.popleft())
        return group

    def put_back(self, group: Sequence[Write]) -> None:
        """Puts writes back to the head of the line."""
        self._line.extendleft(reversed(group))

    def put_back_apart(self, group: Sequence[Write]) -> None:
        """Puts writes back so that each is committed alone."""
        self.put_back([replace(write, goes_alone=True) for write in group])

    def put_last(self, write: Write) -> bool:
        """Puts a refused write behind those of people, which may succeed; returns whether there are others."""
        others_wait = self.has_writes
        self._line.append(write)
        return others_wait

    def fail_waiting_callers(self, error: Exception) -> None:
        """Removes the writes that people wait for from the line, and raises the error for them."""
        for write in self._line:
            write.fail(error)
        self._line = deque(write for write in self._line if write.answer is None)

    async def wait_for_more(self, seconds: float) -> None:
        """Returns after so many seconds, or when a write is added: a person may wait for it."""
        self._more.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._more.wait()


class Runs:
    """All active runs. Their tasks hold their locks until they are removed from here."""

    def __init__(self, backlog: Backlog, steady: Callable[[], int]) -> None:
        self._backlog = backlog
        self._steady = steady
        self._runs: dict[int, ActiveRun] = {}

    def __iter__(self) -> Iterator[ActiveRun]:
        return iter(self._runs.values())

    def get(self, task_id: int) -> ActiveRun | None:
        """Returns the run of a task; None if no worker has it."""
        return self._runs.get(task_id)

    def add(self, waiting: WaitingTask) -> ActiveRun:
        """Begins the run of a task that was taken from the backlog."""
        run = self._runs[waiting.task] = ActiveRun(waiting, self._steady())
        return run

    def adopt(self, waiting: WaitingTask) -> ActiveRun:
        """Begins the run of a task that is running already: it takes its locks."""
        self._backlog.hold_also(waiting.task, waiting.locks)
        return self.add(waiting)

    def remove(self, run: ActiveRun) -> None:
        """Ends a run: its locks are free."""
        del self._runs[run.task_id]
        self._backlog.release(run.task_id)
        run.finished.set()
