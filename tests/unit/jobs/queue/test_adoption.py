"""What a server takes over after a start: tasks that the engine has run on while there was no server."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import replace

from jobs.engine import Ended, Taken
from jobs.model.lifecycle import Change
from jobs.model.task import Status
from tests.support.house import House


async def submit_running(house: House, count: int, job: str = "plain", **params: object) -> list[int]:
    house.engine.count = count
    return [await house.submit(job, **params) for _ in range(count)]


async def transitions_of(house: House, task_id: int) -> list[Status]:
    changes = await house.store.changes(0)
    return [move.after for move in changes.transitions if move.task == task_id]


async def test_tasks_that_still_run_are_taken_over_and_end_as_any_other(house: House) -> None:
    ends, aborted, goes_on = await submit_running(house, 3)
    await house.round(goes_on, of=5)
    await house.restart()
    assert sorted(house.engine.running) == [ends, aborted, goes_on]

    house.engine.finish(ends, '"done"')
    await house.queue.delete(aborted, "ann")
    assert house.engine.asked_to_stop == {aborted}
    house.engine.end(aborted, "stopped")
    await house.round(goes_on, of=5)

    assert await transitions_of(house, ends) == [Status.NOT_STARTED, Status.RUNNING, Status.FINISHED]
    task = await house.task(aborted)
    assert (task.status, task.stopping, task.outcome) == (Status.ABORTED, False, "Aborted by ann after round 0")
    task = await house.task(goes_on)
    assert (task.status, task.round, task.percent, task.interruptions) == (Status.RUNNING, 2, 40, 0)
    assert goes_on not in house.engine.unacknowledged, "its worker waits for ever"
    assert (await house.derived(goes_on)).pace_seconds == 1.0


async def test_a_task_that_no_longer_runs_starts_again_beside_one_that_does(house: House) -> None:
    gone, runs = await submit_running(house, 2)
    del house.engine.running[gone]
    await house.restart()

    assert (await house.task(gone)).interruptions == 1
    assert (await house.task(runs)).interruptions == 0
    assert sorted(house.engine.running) == [gone, runs], "it was started again"


async def test_a_task_whose_start_is_not_on_disk_is_ended_and_started_anew(house: House) -> None:
    """The old server was killed after it had given out the order, and before the commit."""
    task = await house.submit()
    house.engine.done[task] = 7
    await house.store.change(task, lambda stored: Change(replace(stored, status=Status.NOT_STARTED, started=None)))
    await house.restart()

    assert house.engine.done[task] == 0, "it begins from the beginning"
    assert (await house.task(task)).status is Status.RUNNING


async def test_rounds_whose_acknowledgement_was_lost_are_reported_again_and_stored_once(house: House) -> None:
    task = await house.submit()
    await house.round(task, of=4)
    house.engine.acknowledge = lambda task_id: None
    await house.round(task, of=4)
    del house.engine.acknowledge
    await house.restart()

    await house.round(task, of=4)
    stored = (await house.store.rounds(task, 0)).rounds
    assert [done.number for done in stored] == [1, 2, 3]
    assert (await house.task(task)).round == 3
    assert task not in house.engine.unacknowledged
    assert house.queue.tally.rounds == 1, "the new server counts what is new"


@pytest.mark.parametrize("ending", ["finish", "die"])
async def test_an_end_that_was_not_stored_is_reported_again(house: House, ending: str) -> None:
    task = await house.submit()
    getattr(house.engine, ending)(task)
    await house.restart()

    stored = await house.task(task)
    if ending == "finish":
        assert stored.status is Status.FINISHED
    else:
        assert (stored.status, stored.deaths) == (Status.RUNNING, 1), "it runs again"


async def test_an_end_that_is_on_disk_is_acknowledged(house: House) -> None:
    task = await house.submit()
    house.engine.finish(task)
    await house.settle()
    assert not await house.engine.adopt([Taken(task, 1, None)]), "nothing about it is still to come"


@pytest.mark.parametrize("force", [False, True])
async def test_an_abort_is_repeated_for_a_worker_that_may_have_missed_it(house: House, force: bool) -> None:
    (task,) = await submit_running(house, 1)
    house.engine.kill_task = house.engine.abort_task = lambda task_id: None
    if force:
        house.queue._runner.stop_run = does_not_wait
    await house.queue.delete(task, "ann", force=force)
    del house.engine.kill_task, house.engine.abort_task
    await house.restart()

    assert (task in house.engine.killed, task in house.engine.asked_to_stop) == (force, not force)
    if not force:
        house.engine.end(task, "stopped")
        await house.settle()
    stored = await house.task(task)
    assert (stored.status, stored.stopping) == (Status.ABORTED, False)


async def does_not_wait(_run, task, _force):
    return task


async def test_an_adopted_task_has_its_locks_before_anything_starts(house: House) -> None:
    house.engine.count = 3
    runs = await house.submit("locked", pool="rbd")
    waits = await house.submit("locked", pool="rbd")
    await house.restart()

    assert list(house.engine.running) == [runs]
    why = (await house.derived(waits)).waiting_for
    assert (why.reason, why.task) == ("lock", runs)

    house.engine.finish(runs)
    await house.settle()
    assert list(house.engine.running) == [waits]


async def test_a_report_about_a_task_that_should_not_run_is_logged_and_ignored(house: House, caplog) -> None:
    task = await house.submit()
    house.engine.finish(task)
    await house.settle()
    before = await house.task(task)

    with caplog.at_level(logging.WARNING, "hourglass.queue"):
        house.queue._runner.rounds_reported(task, 1, [])
        house.queue._runner.task_ended(Ended(task=4711, attempt=1, how="returned", rounds=[], result="1"))
        house.queue._runner.worker_died(task, 1, "killed by signal 9")
    await house.settle()

    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        f"task {task}",
        "task 4711",
        f"task {task}",
    ]
    assert await house.task(task) == before
