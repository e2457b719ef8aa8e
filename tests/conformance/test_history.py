"""What a searchable store knows of the past that it retains: what has changed since a revision, and interruptions."""

from __future__ import annotations

import pytest

from jobs.errors import NoSuchTask, RevisionUnknown
from jobs.model import lifecycle
from jobs.model.task import Status
from jobs.store import Interruption, ListQuery
from tests.support.made import create, draft, finished, running
from tests.support.stores import SEARCHABLE

PENDING = (Status.NOT_STARTED, Status.RUNNING)


@pytest.fixture(params=SEARCHABLE)
def kind(request):
    return SEARCHABLE[request.param]


@pytest.fixture
def store(io_loop, kind, tmp_path):
    opened = io_loop.run_sync(lambda: kind.open(tmp_path))
    yield opened
    io_loop.run_sync(opened.close)


async def interrupted(store, task, at, resumed=None):
    await store.change(task.id, lifecycle.interrupted(at, "the server stopped", True))
    if resumed is not None:
        await store.change(task.id, lifecycle.taken(resumed))


async def interruptions(store, task):
    return await store.inner.interruptions(task.id)


async def matching(store, as_of, limit=100, **fields):
    return await store.inner.matching(ListQuery(as_of=as_of, **fields), limit)


# What has changed since a revision.


async def test_repeated_calls_with_one_revision_match_all_tasks_of_that_time_while_others_come(store):
    """Each call matches what is left of those that were there, and at last nothing."""
    await store.create([draft()] * 5)
    as_of = (await store.head()).revision
    seen = []
    for _ in range(4):
        found = (await matching(store, as_of, limit=2, statuses=PENDING)).ids
        for task_id, _ in found:
            await store.change(task_id, lifecycle.aborted("ann", 2000))
            await create(store)
        seen.append([task_id for task_id, _ in found])

    assert seen == [[1, 2], [3, 4], [5], []]
    assert (await matching(store, as_of)).ids == []


async def test_changes_since_a_revision_are_known_from_the_oldest_retained_one_to_the_current_one(store):
    for created in (1000, 2000, 3000):
        await create(store, created=created)
    await store.forget_changes(before=2500)

    assert (await matching(store, 2, statuses=PENDING)).ids == [(1, False), (2, False)]
    assert (await matching(store, 3, statuses=PENDING)).count == 3
    for unknown in (1, 4):
        with pytest.raises(RevisionUnknown, match=f"after revision {unknown} is not known"):
            await matching(store, unknown, statuses=PENDING)
        with pytest.raises(RevisionUnknown):
            await matching(store, unknown, search="%")


# Interruptions.


async def test_each_interruption_says_when_the_task_was_resumed_oldest_first(store):
    task, other = await running(store), await running(store)
    await interrupted(store, task, at=2000, resumed=2500)
    await interrupted(store, other, at=2100, resumed=2200)
    await interrupted(store, task, at=3000)

    assert await interruptions(store, task) == [Interruption(2000, 2500), Interruption(3000, None)]
    assert await interruptions(store, other) == [Interruption(2100, 2200)]


async def test_a_task_that_ended_while_it_was_interrupted_was_not_resumed(store):
    task = await running(store)
    await interrupted(store, task, at=2000)
    await store.change(task.id, lifecycle.aborted("ann", 3000))

    assert await interruptions(store, task) == [Interruption(2000, None)]


async def test_a_task_that_ran_through_was_never_interrupted(store):
    assert await interruptions(store, await finished(store)) == []
    assert await interruptions(store, await create(store)) == []


async def test_a_removed_task_has_no_interruptions(store):
    task = await running(store)
    await interrupted(store, task, at=2000)
    for at in (3000, 4000):
        await store.change(task.id, lifecycle.deleted("ann", at, None, False))

    with pytest.raises(NoSuchTask):
        await interruptions(store, task)
    with pytest.raises(NoSuchTask):
        await store.inner.interruptions(4711)


async def test_of_many_interruptions_the_newest_are_returned(store, kind, monkeypatch):
    monkeypatch.setattr(*kind.most_interruptions, 2)
    task = await running(store)
    for at in range(2000, 2500, 100):
        await interrupted(store, task, at, resumed=at + 1)

    assert await interruptions(store, task) == [Interruption(2300, 2301), Interruption(2400, 2401)]


async def test_interruptions_are_returned_as_long_as_changes_are_retained(store):
    task = await running(store, created=1000)
    await interrupted(store, task, at=2000, resumed=2500)
    await interrupted(store, task, at=3000, resumed=3500)
    await store.forget_changes(before=2600)

    assert await interruptions(store, task) == [Interruption(3000, 3500)]
