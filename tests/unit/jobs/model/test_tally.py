"""What is counted, by value."""

from __future__ import annotations

import json

from histogram import Histogram
from jobs.definition.registry import Registry
from jobs.model.tally import TaskTally
from jobs.model.task import Status
from tests.support.house import REGISTRY, House
from tests.support.made import a_task


def ended(house):
    return {status: number for status, number in house.queue.tally.ended.items() if number}


def test_a_histogram_counts_what_is_at_most_as_large_as_each_bound():
    histogram = Histogram((1, 2.5))
    for value in (0.5, 1, 2, 2.5, 100):
        histogram.add(value)

    assert histogram.buckets() == [("1", 2), ("2.5", 4), ("+Inf", 5)]
    assert histogram.total == 106


def test_waiting_counts_from_when_a_task_could_start_and_running_from_its_first_start():
    tally = TaskTally()
    tally.task_started(a_task(started=3000))
    tally.task_started(a_task(started=6000, not_before=5000))
    tally.task_ended(a_task(started=3000, ended=10_000, status=Status.FINISHED))
    tally.task_ended(a_task(ended=10_000, status=Status.ABORTED))

    assert (tally.waiting_seconds.total, tally.running_seconds.total) == (3, 7)
    assert tally.running_seconds.buckets()[-1][1] == 1, "one that never ran has not run for 0 s"


def test_a_clock_that_is_set_back_gives_no_negative_times():
    tally = TaskTally()
    tally.task_started(a_task(started=500))
    tally.task_ended(a_task(started=3000, ended=2000, status=Status.FINISHED))

    assert (tally.waiting_seconds.total, tally.running_seconds.total) == (0, 0)


async def test_each_task_is_counted_once_as_created_started_and_ended(house):
    finishes, fails, aborted = [await house.submit() for _ in range(3)]
    await house.queue.delete(aborted, "ann")
    await house.round(finishes)
    house.engine.finish(finishes)
    await house.settle()
    house.engine.fail(fails)
    await house.settle()
    await house.queue.delete(fails, "ann")

    tally = house.queue.tally
    assert (tally.created, tally.started, tally.rounds) == (3, 2, 1)
    assert ended(house) == {Status.FINISHED: 1, Status.EXCEPTION: 1, Status.ABORTED: 1}


async def test_a_running_task_that_is_aborted_counts_once_when_it_is_aborted(house):
    task = await house.submit()
    await house.queue.delete(task, "ann")
    assert ended(house) == {Status.ABORTED: 1}

    await house.queue.delete(task, "ann", force=True)
    await house.settle()
    assert ended(house) == {Status.ABORTED: 1}


async def test_an_interrupted_task_starts_again_and_ends_once(house):
    task = await house.submit()
    house.engine.die(task)
    await house.settle()
    house.engine.finish(task)
    await house.settle()

    assert (house.queue.tally.started, ended(house)) == (2, {Status.FINISHED: 1})
    assert house.queue.tally.waiting_seconds.buckets()[-1][1] == 1, "it waited for its first start alone"


async def test_a_task_that_ends_when_the_server_starts_counts_as_well(house):
    await house.submit()
    await house.submit("locked", pool="rbd")
    without = Registry({"plain": REGISTRY.job("plain")}).configure({})
    after = House(store=house.store, registry=without)
    await after.queue.recover()
    await after.settle()

    assert (ended(after), after.queue.tally.created) == ({Status.EXCEPTION: 1}, 0)


async def test_reasons_for_waiting_are_counted_as_each_task_gives_them(house):
    tasks = [await house.submit("locked", pool=pool) for pool in ("rbd", "rbd", "rbd", "data", "data")]
    tasks += [await house.submit() for _ in range(2)]
    tasks += [await house.submit("near", cluster=name) for name in ("main", "main", "other")]
    reasons = [(await house.derived(task)).waiting_for for task in tasks]
    given = [why.reason for why in reasons if why]

    reasons = ("worker", "place", "lock", "schedule")
    assert house.queue.waiting_counts() == {reason: given.count(reason) for reason in reasons}
    assert json.dumps(sorted(given)) == json.dumps(["lock"] * 3 + ["place"] * 3 + ["worker"] * 3)
