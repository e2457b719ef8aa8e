"""What a store refuses ends its task: no task is Running for ever because of what its job has sent."""

from __future__ import annotations

import asyncio
import json

import pytest

from jobs.model.lifecycle import Change
from jobs.model.task import Status
from jobs.queue import background, run_writer
from storage.memory import MemoryStore
from tests.support.house import House


class Refusing(MemoryStore):
    """Refuses changes as SQLite would numbers that are too large for it."""

    def __init__(self):
        super().__init__()
        self.refuses = lambda change: False

    def _run_steps(self, task, steps):
        changes = super()._run_steps(task, steps)
        if any(isinstance(change, Change) and self.refuses(change) for change in changes):
            raise OverflowError("Python int too large to convert to SQLite INTEGER \ud800")
        return changes


REASON = "OverflowError: Python int too large to convert to SQLite INTEGER \\ud800"
WORDS = f"what its worker reported cannot be stored: {REASON}"


@pytest.fixture
def house():
    return House(store=Refusing())


def assert_ended(task):
    assert task.status is Status.EXCEPTION
    assert json.loads(task.error)["message"] == WORDS
    assert WORDS[:100] in task.outcome


async def test_a_round_that_is_refused_ends_its_task_and_its_worker(house):
    task, waits = await house.submit(times=5), await house.submit(times=5)
    await house.round(task)
    house.store.refuses = lambda change: any(done.number == 3 for done in change.rounds)
    house.engine.rounds(task)
    house.engine.rounds(task)
    await house.settle()

    ended = await house.task(task)
    assert_ended(ended)
    assert ended.round == 2, "what could be written is kept"
    assert house.engine.killed == {task}
    assert list(house.engine.running) == [waits]


async def test_a_result_that_is_refused_ends_its_task_and_not_its_worker(house):
    task = await house.submit(times=5)
    house.store.refuses = lambda change: change.task.result is not None
    house.engine.finish(task, "5")
    await house.settle()

    assert_ended(await house.task(task))
    assert not house.engine.killed
    house.store.refuses = lambda change: False
    following = await house.submit(times=5)
    house.engine.finish(following)
    await house.settle()
    assert (await house.task(following)).status is Status.FINISHED


async def test_a_task_whose_start_could_not_be_written_ends(house):
    refused = []

    def refuses(change):
        is_first = change.task.status is Status.RUNNING and not refused
        refused.extend([change] if is_first else [])
        return is_first

    house.store.refuses = refuses
    task = await house.submit(times=5)
    assert refused
    assert_ended(await house.task(task))
    assert house.engine.killed == {task}


async def test_an_aborted_task_whose_last_round_is_refused_stops(house):
    task = await house.submit(times=5)
    await house.queue.delete(task, "ann")
    house.store.refuses = lambda change: bool(change.rounds)
    await house.round(task)

    ended = await house.task(task)
    assert (ended.status, ended.stopping) == (Status.ABORTED, False)
    assert json.loads(ended.error)["message"] == WORDS


@pytest.mark.parametrize("aborts", [True, False])
async def test_if_even_the_end_is_refused_it_is_tried_again_and_a_person_can_abort(house, aborts, monkeypatch):
    monkeypatch.setattr(run_writer, "FIRST_RETRY_SECONDS", 0.001)

    task = await house.submit(times=5)
    tried = asyncio.Event()

    def refuses(change):
        is_end = change.task.status is Status.EXCEPTION
        if is_end:
            tried.set()
        return is_end or bool(change.rounds)

    house.store.refuses = refuses
    house.engine.rounds(task)
    await tried.wait()
    if aborts:
        assert (await house.queue.delete(task, "ann")).status is Status.ABORTED
    else:
        house.store.refuses = lambda change: False
    await house.settle()
    ended = await house.task(task)
    assert (ended.status, ended.stopping) == (Status.ABORTED if aborts else Status.EXCEPTION, False)


async def test_a_stop_does_not_wait_for_an_end_that_is_refused_again_and_again(house, monkeypatch):
    monkeypatch.setattr(run_writer, "LONGEST_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(background, "LOOK_AGAIN_SECONDS", 0.05)

    task = await house.submit(times=5)
    house.store.refuses = lambda change: change.task.status is not Status.RUNNING or bool(change.rounds)
    house.engine.rounds(task)
    await house.queue.stop(0)
    assert (await house.task(task)).status is Status.RUNNING, "the next start takes it from here"
