"""Many tasks are deleted one by one: each is reported, and one that has changed meanwhile is left alone."""

from __future__ import annotations

import asyncio

import pytest

from jobs.errors import Conflict, StorageUnavailable
from jobs.model import lifecycle
from jobs.model.task import Status
from jobs.queue.bulk import AT_ONCE, Deletion, delete_all


async def test_each_task_is_reported_in_the_requested_order(house):
    running = await house.submit()
    waits = await house.submit()
    ended = await house.submit()
    await house.queue.delete(ended, "ann")

    done = await delete_all(house.queue, [(ended, None), (4711, None), (running, None), (waits, None)], "ann", False)

    assert done == [
        Deletion(ended, "deleted", None),
        Deletion(4711, "missing", None),
        Deletion(running, "aborted", Status.ABORTED),
        Deletion(waits, "aborted", Status.ABORTED),
    ]


async def test_a_task_that_ends_between_the_look_and_its_turn_is_left_alone(house):
    ids = [await house.submit() for _ in range(AT_ONCE + 1)]
    last, change = ids[-1], house.store.change

    async def end_the_last_meanwhile(task_id, *steps):
        if task_id == ids[0]:
            await change(last, lifecycle.aborted("bob", house.now))
        return await change(task_id, *steps)

    house.store.change = end_the_last_meanwhile
    done = await delete_all(house.queue, [(task_id, "pending") for task_id in ids], "ann", False)

    assert {one.outcome for one in done[:-1]} == {"aborted"}
    assert done[-1] == Deletion(last, "changed", Status.ABORTED)
    assert (await house.task(last)).ended_by == "bob"


async def test_no_more_than_a_few_are_deleted_at_once(house):
    ids = [await house.submit() for _ in range(2 * AT_ONCE + 1)]
    change, under_way, most = house.store.change, 0, 0

    async def count(task_id, *steps):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await change(task_id, *steps)

    house.store.change = count
    done = await delete_all(house.queue, [(task_id, None) for task_id in ids], "ann", False)

    assert [one.id for one in done] == ids
    assert most == AT_ONCE


async def test_if_nothing_can_be_written_the_caller_gets_the_error(house):
    await house.submit()
    waits = await house.submit()
    house.store.unavailable = True

    with pytest.raises(StorageUnavailable):
        await delete_all(house.queue, [(waits, None)], "ann", False)

    house.store.unavailable = False
    assert (await house.task(waits)).status is Status.NOT_STARTED


async def test_a_caller_who_may_no_longer_delete_is_stopped(house):
    ids = [await house.submit() for _ in range(AT_ONCE + 1)]
    checks = iter([None] * AT_ONCE)

    def check():
        try:
            next(checks)
        except StopIteration as error:
            raise Conflict from error

    with pytest.raises(Conflict):
        await delete_all(house.queue, [(task_id, None) for task_id in ids], "ann", False, check)

    assert [(await house.store.task(task_id)).is_final for task_id in (ids[0], ids[AT_ONCE - 1])] == [True, True]
    assert not (await house.store.task(ids[AT_ONCE])).is_final
