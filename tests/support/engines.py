"""Engines for the conformance suite. Tests say what the workers of each do next: see `UnderTest`."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from jobs.engine import Ended, Engine, Start, Taken
from jobs.engines.local.pool import WorkerPool
from jobs.engines.local.worker import WorkerSettings
from jobs.model.task import RoundRecord
from tests.support.engine import ScriptedEngine
from tests.support.hosts import ScriptedHosts

Command = Literal["round", "finish", "fail", "die"]
Found = TypeVar("Found")
WORKERS = 2


class Reports:
    """A listener that writes down what is reported, and whatever breaks the contract. It acknowledges at once, unless
    `acknowledging` is off."""

    def __init__(self, engine: Engine) -> None:
        self.acknowledging = True
        self.places: dict[int, str | None] = {}
        """Where each task was claimed."""
        self.rounds: dict[int, list[RoundRecord]] = defaultdict(list)
        self.last: dict[int, Ended | str] = {}
        """The last report about each task; that of a death or a loss is its reason."""
        self.lost: set[int] = set()
        """The tasks whose last report was the loss of their place."""
        self.late: list[tuple[int, int]] = []
        """Tasks and attempts that were reported about when the next attempt had been started."""
        self.broken: list[str] = []
        self._engine = engine
        self._attempts: dict[int, int] = {}
        """Of the tasks that run."""
        self._unacknowledged: set[int] = set()
        self._heard = asyncio.Event()

    def start(self, order: Start) -> None:
        """Starts a task; the reports about it are expected from now on."""
        self.places.pop(order.task, None)
        self.rounds.pop(order.task, None)
        self.lost.discard(order.task)
        self.expect(order.task, order.attempt)
        self._engine.start_task(order)

    def adopt(self, task: Taken) -> None:
        """Expects reports about a task that was started by the server before."""
        self.places[task.task] = task.place
        self.expect(task.task, task.attempt)

    def expect(self, task_id: int, attempt: int) -> None:
        self._attempts[task_id] = attempt
        self.last.pop(task_id, None)

    def acknowledge(self, task_id: int) -> None:
        self._unacknowledged.discard(task_id)
        self._engine.acknowledge(task_id)

    def worker_free(self) -> None:
        if not self._engine.free_workers:
            self.broken.append("a worker was reported as free, and none is")
        self._heard.set()

    def claimed(self, task_id: int, attempt: int, place: str | None) -> None:
        if not self._is_expected(task_id, attempt):
            return
        if self.places.setdefault(task_id, place) != place:
            self.broken.append(f"task {task_id} was claimed on {place} after {self.places[task_id]}")
        if place is not None:
            self._wait_for_acknowledgement(task_id)

    def rounds_reported(self, task_id: int, attempt: int, rounds: Sequence[RoundRecord]) -> None:
        if self._is_expected(task_id, attempt):
            self._note(task_id, rounds)
            self._wait_for_acknowledgement(task_id)

    def task_ended(self, ended: Ended) -> None:
        if self._is_expected(ended.task, ended.attempt):
            self._note(ended.task, ended.rounds)
            self._end(ended.task, ended)

    def worker_died(self, task_id: int, attempt: int, reason: str) -> None:
        if self._is_expected(task_id, attempt):
            self._note(task_id, [])
            self._end(task_id, reason)

    def place_lost(self, task_id: int, attempt: int, reason: str) -> None:
        if self._is_expected(task_id, attempt):
            self.lost.add(task_id)
            self._end(task_id, reason)

    def _is_expected(self, task_id: int, attempt: int) -> bool:
        self._heard.set()
        expected = self._attempts.get(task_id)
        if expected is not None and attempt < expected:
            self.late.append((task_id, attempt))
        elif attempt != expected:
            self.broken.append(f"a report about attempt {attempt} of task {task_id}, which does not run")
        return attempt == expected

    def _wait_for_acknowledgement(self, task_id: int) -> None:
        if task_id in self._unacknowledged:
            self.broken.append(f"a report about task {task_id} came before the acknowledgement of the one before")
        self._unacknowledged.add(task_id)
        if self.acknowledging:
            self.acknowledge(task_id)

    def _note(self, task_id: int, rounds: Sequence[RoundRecord]) -> None:
        if task_id not in self.places:
            self.broken.append(f"a report about task {task_id}, which nobody has claimed")
        for done in rounds:
            if self.rounds[task_id] and done.number <= self.rounds[task_id][-1].number:
                self.broken.append(f"round {done.number} of task {task_id} came twice, or too late")
            self.rounds[task_id].append(done)

    def _end(self, task_id: int, last: Ended | str) -> None:
        del self._attempts[task_id]
        self._unacknowledged.discard(task_id)
        self.last[task_id] = last
        self._engine.acknowledge(task_id)

    async def until(self, what: Callable[[], Found]) -> Found:
        """Waits until it holds; looks after each report."""
        while not (found := what()):
            self._heard.clear()
            await self._heard.wait()
        return found

    async def claim_of(self, task_id: int) -> str | None:
        """Waits for the claim of a task; returns its place."""
        await self.until(lambda: task_id in self.places)
        return self.places[task_id]

    async def end_of(self, task_id: int) -> Ended | str:
        return await self.until(lambda: self.last.get(task_id))

    async def rounds_of(self, task_id: int, count: int) -> list[int]:
        """Waits for so many rounds; returns their numbers."""
        await self.until(lambda: len(self.rounds[task_id]) >= count)
        return [done.number for done in self.rounds[task_id]]


class UnderTest(Protocol):
    """An engine of WORKERS workers."""

    engine: Engine

    def order(self, task_id: int, done: int = 0, attempt: int = 1, needs: tuple[str, ...] = ()) -> Start:
        """Returns the order to run a task that obeys `tell`, after `done` rounds."""

    def tell(self, task_id: int, *commands: Command) -> None:
        """Makes the task do this next, one thing after another; a task that was aborted ends after a round."""

    async def of_next_server(self) -> Engine:
        """Kills the server, and returns the engine of the next one, which was not asked yet what it runs."""


class RemoteUnderTest(UnderTest, Protocol):
    """An engine of WORKERS workers on hosts, one of which offers a label that the others do not."""

    label: str

    async def lose_place_of(self, task_id: int) -> None:
        """Cuts the host of a task off, and returns when the engine has given it up."""

    async def hear_of_lost(self, task_id: int) -> None:
        """Lets the host that was lost report a round of its attempt."""


class Local:
    """The pool of worker processes."""

    def __init__(self, folder: Path) -> None:
        self.engine = self._pool = WorkerPool(
            WorkerSettings(lock_path=str(folder / "lock"), modules=["tests.support.obedient_jobs"]), count=WORKERS
        )
        self._folder = folder
        self._pipes: dict[int, int] = {}

    def order(self, task_id: int, done: int = 0, attempt: int = 1, needs: tuple[str, ...] = ()) -> Start:
        path = self._folder / f"commands of {task_id}"
        if task_id not in self._pipes:
            os.mkfifo(path)
            self._pipes[task_id] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        params = json.dumps({"path": str(path)})
        checkpoint = json.dumps({"done": done}) if done else None
        return Start(
            task=task_id,
            attempt=attempt,
            needs=needs,
            job="obedient",
            params=params,
            checkpoint=checkpoint,
            round=done,
        )

    def tell(self, task_id: int, *commands: Command) -> None:
        os.write(self._pipes[task_id], "".join(f"{command}\n" for command in commands).encode())

    async def start(self) -> None:
        await self._pool.start()

    async def of_next_server(self) -> Engine:
        await self._pool.stop(0)  # its workers die with it
        self.engine = self._pool = WorkerPool(self._pool.settings, count=WORKERS)
        return self.engine

    async def close(self) -> None:
        await self._pool.stop(0)
        for pipe in self._pipes.values():
            os.close(pipe)


class Obedient(ScriptedEngine):
    """A scripted engine whose tasks obey as real ones do."""

    def __init__(self) -> None:
        super().__init__(WORKERS)
        self.engine = self
        self._commands: dict[int, deque[Command]] = defaultdict(deque)
        self._obeys = False

    def order(self, task_id: int, done: int = 0, attempt: int = 1, needs: tuple[str, ...] = ()) -> Start:
        return Start(task=task_id, attempt=attempt, needs=needs, job="obedient", params="{}", round=done)

    def tell(self, task_id: int, *commands: Command) -> None:
        self._commands[task_id].extend(commands)
        self._obey(task_id)

    def acknowledge(self, task_id: int) -> None:
        super().acknowledge(task_id)
        self._obey(task_id)

    def _obey(self, task_id: int) -> None:
        if not self._obeys:  # else it was acknowledged at once
            self._obeys = True
            self._obey_all(task_id)
            self._obeys = False

    def _obey_all(self, task_id: int) -> None:
        while task_id in self.running and task_id not in self.unacknowledged and self._commands[task_id]:
            match self._commands[task_id].popleft():
                case "round":
                    self.rounds(task_id)
                    if task_id in self.asked_to_stop:
                        self.end(task_id, "stopped")
                case "finish":
                    self.finish(task_id, '"done"')
                case "fail":
                    self.fail(task_id)
                case "die":
                    self.die(task_id)

    async def start(self) -> None:
        if self.free_workers:
            self._listener.worker_free()

    async def of_next_server(self) -> Engine:
        return self

    async def close(self) -> None:
        await self.stop(0)


class Scripted(Obedient):
    """The scripted engine of this machine."""

    def __init__(self, _: Path) -> None:
        super().__init__()


class Hosts(Obedient, ScriptedHosts):
    """The scripted engine of other hosts. They claim tasks by themselves, a turn of the loop after the order."""

    label = "ceph:other"

    def __init__(self, _: Path) -> None:
        super().__init__()

    def start_task(self, order: Start) -> None:
        super().start_task(order)
        asyncio.get_running_loop().call_soon(self._claim_unless_withdrawn, order)

    def _claim_unless_withdrawn(self, order: Start) -> None:
        if self.ordered.get(order.task) is order:
            self.claim(order.task)

    async def lose_place_of(self, task_id: int) -> None:
        self.lose(self.places[task_id])

    async def hear_of_lost(self, task_id: int) -> None:
        self.say_late(task_id, ends=False)


ENGINES: Sequence[Callable[[Path], Local | Scripted | Hosts]] = [Local, Scripted, Hosts]
REMOTE: Sequence[Callable[[Path], Hosts]] = [Hosts]
"""Those of them whose workers are on other hosts."""


@asynccontextmanager
async def started(
    make: Callable[[Path], Local | Scripted | Hosts], folder: Path
) -> AsyncIterator[tuple[UnderTest, Reports]]:
    """An engine whose workers are ready, and what it reports. In the end nothing may have broken the contract."""
    under_test = make(folder)
    reports = Reports(under_test.engine)
    under_test.engine.report_to(reports)
    await under_test.start()
    try:
        await reports.until(lambda: under_test.engine.free_workers == WORKERS)
        yield under_test, reports
    finally:
        await under_test.close()
    assert not reports.broken
