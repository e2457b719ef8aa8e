"""A pool of real workers, and a listener that writes down what it is told."""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from jobs.definition.registry import RunLimits
from jobs.engine import Ended, Start
from jobs.engines.local.pool import WorkerPool
from jobs.engines.local.worker import WorkerSettings
from jobs.model.task import RoundRecord

PATIENCE_SECONDS = 60
MODULES = ("tests.faults.misbehaving_jobs",)
ROOT = Path(__file__).resolve().parents[2]
Found = TypeVar("Found")


class Told:
    """What the pool has told its listener. It acknowledges at once, unless `acknowledging` is off."""

    def __init__(self, pool: WorkerPool) -> None:
        self.acknowledging = True
        self.batches: list[tuple[int, Sequence[RoundRecord]]] = []
        self.ends: list[Ended] = []
        self.deaths: list[tuple[int, str]] = []
        self.free_at_end: list[int] = []
        self._pool = pool
        self._heard = asyncio.Event()

    def worker_free(self) -> None:
        self._heard.set()

    def claimed(self, task_id: int, attempt: int, place: str | None) -> None:
        assert (attempt, place) == (1, None), "it is on this machine"

    def rounds_reported(self, task_id: int, attempt: int, rounds: Sequence[RoundRecord]) -> None:
        self.batches.append((task_id, rounds))
        if self.acknowledging:
            self._pool.acknowledge(task_id)
        self._heard.set()

    def task_ended(self, ended: Ended) -> None:
        self.ends.append(ended)
        self.free_at_end.append(self._pool.free_workers)
        self._heard.set()

    def worker_died(self, task_id: int, attempt: int, reason: str) -> None:
        self.deaths.append((task_id, reason))
        self._heard.set()

    def place_lost(self, task_id: int, attempt: int, reason: str) -> None:
        raise AssertionError(f"task {task_id} is on this machine: {reason}")

    async def until(self, what: Callable[[], Found]) -> Found:
        """Waits until it holds; looks after each thing that was told."""
        while not (found := what()):
            self._heard.clear()
            await self._heard.wait()
        return found

    async def end_of(self, task_id: int) -> Ended:
        return await self.until(lambda: next((ended for ended in self.ends if ended.task == task_id), None))

    async def death_of(self, task_id: int) -> str:
        return await self.until(lambda: next((reason for task, reason in self.deaths if task == task_id), None))

    def rounds_of(self, task_id: int) -> list[RoundRecord]:
        """All rounds of the task, those of its last word as well."""
        batches = [rounds for task, rounds in self.batches if task == task_id]
        batches += [ended.rounds for ended in self.ends if ended.task == task_id]
        return [done for batch in batches for done in batch]

    def numbers_of(self, task_id: int) -> list[int]:
        return [done.number for done in self.rounds_of(task_id)]


@asynccontextmanager
async def a_pool(folder: Path, count: int = 1, **options: Any) -> AsyncIterator[tuple[WorkerPool, Told]]:
    """A pool whose workers are ready. In the end it is stopped, and none of its processes may be left."""
    async with a_starting_pool(folder, count=count, **options) as (pool, told):
        await told.until(lambda: pool.free_workers == count)
        yield pool, told


@asynccontextmanager
async def a_starting_pool(
    folder: Path, count: int = 1, modules: Sequence[str] = MODULES, **options: Any
) -> AsyncIterator[tuple[WorkerPool, Told]]:
    settings = WorkerSettings(lock_path=str(folder / "lock"), modules=modules)
    pool = WorkerPool(settings, count=count, **options)
    told = Told(pool)
    pool.report_to(told)
    await pool.start()
    try:
        yield pool, told
    finally:
        await pool.stop(0)
    assert [view.pid for view in pool.workers()] == [None] * count


def order(
    task_id: int,
    job: str,
    checkpoint: object = None,
    after_round: int = 0,
    limits: RunLimits = RunLimits(),  # noqa: B008
    **params: object,
) -> Start:
    return Start(
        task=task_id,
        attempt=1,
        job=job,
        params=json.dumps(params),
        checkpoint=None if checkpoint is None else json.dumps(checkpoint),
        round=after_round,
        round_timeout_seconds=limits.round_timeout_seconds,
        memory_limit_mb=limits.memory_limit_mb,
    )


def error_of(ended: Ended) -> dict[str, str]:
    assert ended.error is not None
    error: dict[str, str] = json.loads(ended.error)
    return error


async def assert_next_runs(pool: WorkerPool, told: Told, task_id: int = 999) -> None:
    """The test of every misbehaviour: whoever comes next does not notice."""
    await told.until(lambda: pool.free_workers)
    pool.start_task(order(task_id, "counts", times=3))
    ended = await told.end_of(task_id)
    assert (ended.how, ended.result, told.numbers_of(task_id)) == ("returned", "3", [1, 2, 3])


async def lines_of(path: Path, count: int = 1) -> list[str]:
    """The lines of a file that another process writes, once there are so many."""
    while len(lines := _lines(path)) < count:  # noqa: ASYNC110 - another process cannot set an event of ours
        await asyncio.sleep(0.005)
    return lines


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def state_of(pool: WorkerPool, wanted: Callable[[str], bool]) -> str:
    """The state of the first worker, once it is as wanted; not every change of it is told to the listener."""
    while not wanted(state := pool.workers()[0].state):  # noqa: ASYNC110 - see its docstring
        await asyncio.sleep(0.005)
    return state


async def until_gone(pid: int) -> None:
    """Waits for the end of a process, whoever its parent is."""
    await asyncio.to_thread(wait_for_end, pid)


def wait_for_end(pid: int) -> None:
    """The same, for where there is no loop."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        wait_readable(pidfd)
    finally:
        os.close(pidfd)


def wait_readable(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(PATIENCE_SECONDS * 1000), "nothing happened"


@asynccontextmanager
async def another_server(
    folder: Path, job: str, modules: Sequence[str] = MODULES, **params: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own with a pool whose one worker runs the job; it is killed in the end."""
    code = f"from tests.faults.support import serve; serve({str(folder)!r}, {job!r}, {modules!r}, {params!r})"
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT)
    try:
        yield server
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


def serve(folder: str, job: str, modules: Sequence[str], params: dict[str, object]) -> None:
    async def run() -> None:
        async with a_pool(Path(folder), modules=modules) as (pool, told):
            pool.start_task(order(1, job, **params))
            await told.end_of(1)

    asyncio.run(run())
