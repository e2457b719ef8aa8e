"""What the queue derives and decides, with a scripted engine and a clock of the test's own."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import sys

import pytest
from msgspec.structs import replace

from jobs.definition.declaration import job
from jobs.definition.registry import Registry
from jobs.definition.submission import Submission
from jobs.errors import InvalidInput, ServiceStopping
from jobs.model.task import Status
from tests.support.house import REGISTRY, House


async def test_the_end_is_estimated_from_the_rounds_of_this_run(house):
    task = await house.submit(times=5)
    assert (await house.derived(task)).estimated is None

    await house.round(task, of=5)
    derived = await house.derived(task)
    assert (derived.pace_seconds, derived.estimated) == (1.0, house.now + 4000)


async def test_a_task_without_a_round_for_long_is_stalled_until_the_next_one(house):
    task = await house.submit(times=5)
    await house.round(task, of=5)
    before = await house.task(task)
    await house.later(29)
    assert not (await house.task(task)).stalled

    await house.later(1)
    stalled = await house.task(task)
    assert stalled.stalled
    assert stalled.revision > before.revision, "becoming stalled is a change"
    assert (await house.derived(task)).estimated is None

    await house.round(task, of=5)
    assert not (await house.task(task)).stalled


@pytest.mark.parametrize("set_by_hours", [-2, 2])
async def test_a_clock_that_is_set_neither_makes_a_task_stalled_nor_hides_that_it_is(house, set_by_hours):
    task = await house.submit(times=5)
    await house.round(task, of=5)
    house.now += set_by_hours * 3_600_000
    await house.later(29)
    assert not (await house.task(task)).stalled
    assert (await house.derived(task)).estimated == house.now + 3000

    await house.later(1)
    assert (await house.task(task)).stalled


async def test_an_earliest_start_is_not_missed_though_the_clock_jumps_over_it(house):
    """Nothing reports a jump: the queue looks again after a minute at the latest."""
    params = {"times": 1}
    submission = Submission(job="plain", params=params, not_before=house.now + 7_200_000)
    task = (await house.queue.submit(submission, "ann")).task.id
    timer = house.queue._runner._due_timer
    assert timer.when() <= asyncio.get_running_loop().time() + 60
    house.now += 10_800_000
    timer._run()
    await house.settle()

    assert (await house.task(task)).status is Status.RUNNING


async def test_rounds_that_come_together_count_one_after_the_other(house):
    task = await house.submit(times=5)
    house.let_pass(3)
    house.engine.rounds(task, count=3, of=5)
    await house.settle()

    assert (await house.derived(task)).estimated == house.now + 2000


@pytest.mark.parametrize(
    ("job", "params"),
    [
        ("slow", {}),
        ("as_slow_as", {"seconds": 60}),
        ("chain", {"steps": [{"job": "slow"}, {"job": "as_slow_as", "params": {"seconds": 3600}}]}),
        ("chain", {"steps": [{"job": "chain", "params": {"steps": [{"job": "slow"}, {"job": "plain"}]}}]}),
    ],
)
async def test_a_first_round_is_stalled_after_ten_times_what_its_job_declares(house, job, params):
    task = await house.submit(job, **params)
    await house.later(599)
    assert not (await house.task(task)).stalled
    await house.later(1)
    assert (await house.task(task)).stalled


async def test_a_round_says_how_long_the_next_one_should_take(house):
    task = await house.submit("slow")
    await house.round(task, expected_seconds=5)
    await house.later(50)
    assert (await house.task(task)).stalled
    await house.round(task)
    await house.later(599)
    assert not (await house.task(task)).stalled, "its job's word holds again"


async def test_an_interrupted_chain_may_resume_in_its_longest_step(house):
    steps = [{"job": "plain"}, {"job": "slow"}]
    task = await house.submit("chain", steps=steps)
    await house.round(task)
    house.engine.die(task)
    await house.settle()
    await house.later(599)
    assert not (await house.task(task)).stalled


@pytest.mark.parametrize("seconds", [-1.0, 1e12])
async def test_a_job_that_cannot_say_how_long_a_round_takes_refuses_the_task(house, seconds):
    with pytest.raises(InvalidInput, match="expected_round_seconds of the job as_slow_as must be a number from 0 to"):
        await house.submit("as_slow_as", seconds=seconds)


ODD = os.fsdecode(b"caf\xe9")


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def raises(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"description": lambda: 1 / 0},
            "The job odd failed to describe this task: ZeroDivisionError: division by zero.",
        ),
        ({"description": lambda: 5}, "TypeError: the description of the job odd must be text, not 5."),
        ({"description": lambda: sys.exit(3)}, "RuntimeError: it raised SystemExit: 3."),
        ({"lock": lambda: sys.exit(3)}, "RuntimeError: it raised SystemExit: 3."),
        ({"rounds": lambda: sys.exit(3)}, "RuntimeError: it raised SystemExit: 3."),
        ({"metadata": lambda: sys.exit(3)}, "RuntimeError: it raised SystemExit: 3."),
        ({"expected_round_seconds": lambda: sys.exit(3)}, "RuntimeError: it raised SystemExit: 3."),
        ({"description": raises(ValueError(ODD))}, "this task: ValueError: caf\\udce9."),
        ({"description": raises(Unspeakable())}, "this task: Exception: what was raised cannot be shown."),
        ({"lock": lambda: 5}, "TypeError: the lock of the job odd must be text or None, not 5."),
        (
            {"rounds": lambda: 2**60},
            "TypeError: rounds of the job odd must be a whole number of at least 0, or None, not",
        ),
        ({"metadata": lambda: {"a": float("nan")}}, "ValueError: Out of range float values are not JSON compliant"),
        ({"metadata": lambda: {"a": {1}}}, "TypeError: Object of type set is not JSON serializable"),
        ({"metadata": lambda: json.loads('{"a":' * 300 + "1" + "}" * 300)}, "its metadata is nested too deeply"),
    ],
)
async def test_a_task_is_refused_if_its_job_cannot_describe_it(options, words):
    odd = job(name="odd", **{"description": "Odd", **options})(REGISTRY.job("once").function)
    house = House(registry=Registry({"odd": odd}).configure({}))
    with pytest.raises(InvalidInput, match=re.escape(words)):
        await house.submit("odd")


async def test_names_of_files_that_are_not_utf_8_are_shown_with_replacement_marks():
    says = {"description": lambda: f"Saving {ODD}", "metadata": lambda: {ODD: ODD}, "lock": lambda: f"file:{ODD}"}
    odd = job(name="odd", **says)(REGISTRY.job("once").function)
    house = House(registry=Registry({"odd": odd}).configure({}))
    task = await house.task(await house.submit("odd"))
    assert (task.description, json.loads(task.metadata)) == ("Saving caf\ufffd", {"caf\ufffd": "caf\ufffd"})
    assert task.locks == ("file:caf\\udce9",), "two files with odd names are two locks still"


async def test_a_waiting_task_says_for_what(house):
    running = await house.submit("locked", pool="rbd")
    behind = await house.submit("locked", pool="rbd")
    other = await house.submit("locked", pool="data")

    why = (await house.derived(behind)).waiting_for
    assert (why.reason, why.position, why.task) == ("lock", 1, running)
    why = (await house.derived(other)).waiting_for
    assert (why.reason, why.position) == ("worker", 1)
    assert (await house.derived(running)).waiting_for is None


async def test_a_lock_is_held_until_the_last_round_has_ended_even_when_its_task_is_deleted(house):
    house.engine.count = 2
    first = await house.submit("locked", pool="rbd")
    second = await house.submit("locked", pool="rbd")
    await house.queue.delete(first, "ann")
    await house.queue.delete(first, "ann")
    await house.settle()
    assert second not in house.engine.running

    house.engine.end(first, "stopped")
    await house.settle()
    assert second in house.engine.running


async def test_the_tasks_on_a_lock_are_those_that_are_pending_whichever_task_has_it(house):
    house.engine.count = 2
    first, second, third = [await house.submit("locked", pool="rbd") for _ in range(3)]
    await house.submit("locked", pool="data")
    assert house.queue.pending_on("pool:rbd") == [first, second, third]

    await house.queue.delete(first, "ann")
    assert house.queue.pending_on("pool:rbd") == [second, third], "it is aborted, whatever its last round still does"
    await house.queue.delete(first, "ann")
    await house.settle()
    assert house.queue.pending_on("pool:rbd") == [second, third], "it is deleted, and still has the lock"
    assert house.queue.pending_on("pool:other") == []


async def test_what_would_be_refused_can_be_known_without_creating_anything(house):
    house.queue.check(Submission(job="locked", params={"pool": "rbd"}))
    with pytest.raises(InvalidInput, match="pool"):
        house.queue.check(Submission(job="locked", params={}))
    await house.queue.stop(0)
    with pytest.raises(ServiceStopping):
        house.queue.check(Submission(job="locked", params={"pool": "rbd"}))

    assert await house.store.unfinished() == []


async def test_a_task_whose_job_is_gone_ends_and_names_it(house):
    await house.submit()
    waits = await house.submit("locked", pool="rbd")
    without = Registry({"plain": REGISTRY.job("plain")}).configure({})
    after = House(store=house.store, registry=without)
    await after.queue.recover()
    await after.settle()

    task = await after.task(waits)
    assert (task.status, task.outcome) == (Status.EXCEPTION, "Failed: its job locked is no longer there")
    assert json.loads(task.error)["type"] == "JobGone"


async def test_a_lock_and_metadata_that_are_too_long_are_refused_with_their_places(house):
    await house.submit("locked", pool="p" * 995)
    with pytest.raises(InvalidInput) as alone:
        await house.submit("locked", pool="é" * 10_000)
    with pytest.raises(InvalidInput) as inside:
        await house.submit("chain", steps=[{"job": "plain"}, {"job": "locked", "params": {"pool": "p" * 996}}])
    steps = [{"job": "locked", "params": {"pool": f"{number:0900}"}} for number in range(20)]
    with pytest.raises(InvalidInput) as together:
        await house.submit("chain", steps=steps)

    assert alone.value.errors == {
        "lock": ["expected a lock of at most 1000 characters, got 10005"],
        "metadata": ["expected at most 16384 bytes of metadata, got 20011"],
    }
    assert inside.value.errors == {"steps[1].lock": ["expected a lock of at most 1000 characters, got 1001"]}
    assert together.value.errors == {"lock": ["expected locks of at most 16384 characters in all, got 18100"]}


async def test_a_stored_task_whose_lock_is_too_long_ends_at_the_start_and_stays_readable(house):
    await house.submit()
    waits = await house.submit("locked", pool="rbd")
    stored = await house.task(waits)
    house.store._tasks[waits] = replace(stored, locks=("pool:" + "p" * 900_000,))
    after = House(store=house.store)
    await after.queue.recover()
    await after.settle()

    task = await after.task(waits)
    outcome = "Failed: it cannot run: expected a lock of at most 1000 characters, got 900005"
    assert (task.status, task.outcome, task.params) == (Status.EXCEPTION, outcome, stored.params)
    assert json.loads(task.error)["type"] == "LimitExceeded"


async def test_a_stored_task_whose_job_now_asks_for_too_long_a_lock_ends_when_its_turn_comes(house):
    await house.submit()
    waits = await house.submit("locked", pool="rbd")
    last = await house.submit()
    jobs = {**REGISTRY._jobs, "locked": dataclasses.replace(REGISTRY.job("locked"), lock="l" * 1001)}
    after = House(store=house.store, registry=Registry(jobs).configure({}))
    await after.queue.recover()
    await after.settle()
    after.engine.finish(1)
    await after.settle()

    task = await after.task(waits)
    outcome = "Failed: it cannot run: lock: expected a lock of at most 1000 characters, got 1001"
    assert (task.status, task.outcome) == (Status.EXCEPTION, outcome)
    assert list(after.engine.running) == [last]


CHAIN = [{"job": "plain"}, {"job": "chain", "params": {"steps": [{"job": "locked", "params": {"pool": "rbd"}}]}}]


async def test_a_chain_is_stored_with_what_follows_from_its_steps(house):
    task = await house.task(await house.submit("chain", steps=CHAIN))

    assert task.description == "Chain of 2: Counting to 5, Chain of 1: Working on pool rbd"
    assert task.locks == ("pool:rbd",)
    assert json.loads(task.params) == {"steps": [{"job": "plain", "params": {"times": 5}}, CHAIN[1]]}
    assert house.engine.running[task.id].params == task.params


async def test_a_chain_whose_inner_job_is_gone_ends_and_names_it(house):
    await house.submit()
    waits = await house.submit("chain", steps=CHAIN)
    jobs = {name: REGISTRY.job(name) for name in ("plain", "chain")}
    after = House(store=house.store, registry=Registry(jobs).configure({}))
    await after.queue.recover()
    await after.settle()

    task = await after.task(waits)
    assert (task.status, task.outcome) == (
        Status.EXCEPTION,
        "Failed: its job locked is no longer there, which runs in chain",
    )


async def test_a_chain_with_a_job_that_must_not_resume_fails_when_it_is_interrupted(house):
    house.engine.count = 2
    goes_on = await house.submit("chain", steps=CHAIN)
    fails = await house.submit("chain", steps=[{"job": "chain", "params": {"steps": [{"job": "once"}]}}])
    house.engine.die(goes_on)
    house.engine.die(fails)
    await house.settle()

    assert (await house.task(goes_on)).is_pending
    assert (await house.task(fails)).status is Status.EXCEPTION


async def test_a_start_clears_stopping_and_resumes_what_ran_from_its_checkpoint(house):
    house.engine.count = 2
    goes_on, stops = await house.submit(), await house.submit()
    await house.round(goes_on)
    await house.round(goes_on)
    await house.queue.delete(stops, "ann")
    assert (await house.task(stops)).stopping

    after = House(store=house.store)
    await after.queue.recover()
    await after.settle()

    assert not (await after.task(stops)).stopping
    order = after.engine.running[goes_on]
    assert (order.round, json.loads(order.checkpoint)) == (2, {"done": 2})
    assert (await after.task(goes_on)).interruptions == 1


async def test_rounds_from_before_an_interruption_count_for_the_pace(house):
    task = await house.submit()
    for _ in range(3):
        await house.round(task)
    house.engine.die(task)
    await house.settle()

    assert (await house.derived(task)).pace_seconds == 1.0


async def test_a_change_is_not_made_if_its_caller_has_lost_the_permission_when_it_is_written(house):
    waits = await house.submit()
    ended = await house.submit()
    await house.queue.delete(ended, "ann")

    def check():
        raise InvalidInput("not you")

    for act in (
        house.queue.delete(waits, "ann", check=check),
        house.queue.delete(ended, "ann", check=check),
        house.queue.pin(ended, value=True, check=check),
        house.queue.retry(ended, "ann", check=check),
    ):
        with pytest.raises(InvalidInput, match="not you"):
            await act
    first, second = [await house.store.task(task_id) for task_id in (waits, ended)]
    assert (first.is_pending, second.status, second.pinned) == (True, Status.ABORTED, False)
