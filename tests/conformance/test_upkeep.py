"""What a searchable store retains and removes: keys, minutes, ended tasks, rounds beyond its bounds."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from jobs.model import lifecycle
from jobs.model.task import Status
from jobs.store import DueTask, Minute, RoundBounds
from tests.support.made import create, done, draft, finished, key, running
from tests.support.stores import SEARCHABLE

FINISHED = (Status.FINISHED,)
FAILED = (Status.EXCEPTION, Status.ABORTED)


class Opened:
    """A store on a directory, which can be opened again with another number of rounds to keep."""

    def __init__(self, kind, directory):
        self.kind, self.directory = kind, directory
        self.door = None

    async def __call__(self, most_rounds=0, most_bytes=0):
        await self.close()
        self.door = await self.kind.open(self.directory, RoundBounds(most_rounds, most_bytes))
        return self.door.inner

    async def close(self):
        if self.door is not None:
            await self.door.close()


@pytest.fixture(params=SEARCHABLE)
def opened(request, io_loop, tmp_path):
    opened = Opened(SEARCHABLE[request.param], tmp_path)
    yield opened
    io_loop.run_sync(opened.close)


@pytest.fixture
def store(io_loop, opened):
    return io_loop.run_sync(opened)


async def ended(store, at, status=Status.FINISHED, **fields):
    task = await running(store, **fields)
    if status is Status.FINISHED:
        return await store.change(task.id, lifecycle.returned("1", at))
    if status is Status.EXCEPTION:
        return await store.change(task.id, lifecycle.raised(lifecycle.error_text("E", "m"), at))
    return await store.change(task.id, lifecycle.aborted("ann", at), lifecycle.stopped(at))


async def with_rounds(store, number, at_once=500):
    """A running task with so many rounds."""
    task = await running(store)
    for first in range(1, number + 1, at_once):
        rounds = [done(one) for one in range(first, min(first + at_once, number + 1))]
        await store.change(task.id, lifecycle.reported(rounds, 2000))
    return task


async def numbers(store, task_id):
    return [one.number for one in (await store.rounds(task_id, 0, 10_000)).rounds]


# Ended tasks.


async def test_ended_tasks_of_these_statuses_are_due_oldest_first_unless_they_are_pinned(store):
    young, old = await ended(store, 4000), await ended(store, 3000)
    pinned = await ended(store, 2000)
    await store.change(pinned.id, lifecycle.pinned(True))
    failed, aborted = await ended(store, 3600, Status.EXCEPTION), await ended(store, 3500, Status.ABORTED)
    stopping = await store.change((await running(store)).id, lifecycle.aborted("ann", 2000))
    await create(store)

    assert [task.id for task in (await store.due(FINISHED, 9000, 10)).tasks] == [old.id, young.id]
    assert [task.id for task in (await store.due(FAILED, 9000, 10)).tasks] == [aborted.id, failed.id]
    assert stopping.stopping
    assert (await store.due(FINISHED, 4000, 10)).tasks == [
        DueTask(old.id, old.description, old.status, old.last_modified)
    ]
    only_first = await store.due(FAILED, 9000, 1)
    assert ([task.id for task in only_first.tasks], only_first.count, only_first.count_exact) == ([aborted.id], 2, True)
    assert (await store.first_due(FINISHED), await store.first_due(FAILED)) == (3000, 3500)


async def test_nothing_is_due_if_nothing_has_ended(store):
    await running(store)

    assert await store.first_due(FINISHED) is None
    assert (await store.due(FINISHED, 9000, 10)).count == 0
    assert await store.remove_due(FINISHED, 9000, 9000, 10) == 0


async def test_due_tasks_are_removed_a_few_at_a_time_as_by_a_deletion(store):
    tasks = [await ended(store, 3000 + number, status) for number, status in enumerate([*FAILED, *FAILED, *FAILED])]
    kept = [await ended(store, 3000), await ended(store, 9000, Status.ABORTED)]
    head = await store.head()

    assert await store.remove_due(FAILED, 9000, 9000, 4) == 4

    changes = await store.changes(head.revision)
    assert changes.deleted == [task.id for task in tasks[:4]]
    assert changes.revision == head.revision + 4
    assert [await store.remove_due(FAILED, 9000, 9000, 4) for _ in range(2)] == [2, 0]
    assert (await store.head()).counts == {"Not Started": 0, "Running": 0, "Finished": 1, "Exception": 0, "Aborted": 1}
    assert [await store.task(task.id) for task in kept] == kept


# Rounds.


async def test_only_the_newest_rounds_of_a_task_are_kept(opened):
    store = await opened(most_rounds=3)
    task = await with_rounds(store, 7, at_once=1)

    assert await numbers(store, task.id) == [5, 6, 7]


async def test_of_a_flood_in_one_report_only_the_newest_rounds_are_kept(opened):
    store = await opened(most_rounds=3)
    task = await with_rounds(store, 2500, at_once=2500)

    assert await numbers(store, task.id) == [2498, 2499, 2500]


async def test_rounds_beyond_a_setting_that_was_lowered_are_found_and_forgotten(opened):
    store = await opened()
    many, few = await with_rounds(store, 1200), await with_rounds(store, 10)
    store = await opened(most_rounds=10)

    forgotten = [await store.tidy(1000) for _ in range(3)]

    assert forgotten == [1000, 190, 0]
    assert await numbers(store, many.id) == list(range(1191, 1201))
    assert await numbers(store, few.id) == list(range(1, 11))


async def test_if_all_rounds_are_kept_nothing_is_left_over(store):
    await with_rounds(store, 20)

    assert await store.tidy(1000) == 0


async def with_outputs(store, sizes, first=1, at_once=1):
    """Reports rounds whose outputs take so many bytes, from number `first` on."""
    task = await running(store)
    await report(store, task.id, sizes, first, at_once)
    return task


async def report(store, task_id, sizes, first=1, at_once=1):
    rounds = [done(first + place, output=json.dumps("x" * (size - 2))) for place, size in enumerate(sizes)]
    for place in range(0, len(rounds), at_once):
        await store.change(task_id, lifecycle.reported(rounds[place : place + at_once], 2000))


KIB = 1024


async def test_only_the_newest_rounds_up_to_a_number_of_bytes_are_kept(opened):
    store = await opened(most_bytes=5 * 2 * KIB)
    task = await with_outputs(store, [2 * KIB - 200] * 20)

    assert await numbers(store, task.id) == [16, 17, 18, 19, 20]


async def test_rounds_beyond_a_lowered_setting_in_bytes_are_removed_when_the_store_tidies_up(opened):
    task = await with_outputs(await opened(), [100 * KIB] * 20)
    store = await opened(most_bytes=500 * KIB)
    while await store.tidy(3):
        pass

    assert await numbers(store, task.id) == [17, 18, 19, 20]


async def test_the_newest_round_is_kept_however_large_it_is(opened):
    store = await opened(most_bytes=KIB)
    task = await with_outputs(store, [10, 10, 100 * KIB])
    assert await numbers(store, task.id) == [3]

    await report(store, task.id, [10], first=4)
    assert await numbers(store, task.id) == [4]


async def test_both_bounds_hold_together_and_0_means_all(opened):
    store = await opened(most_rounds=3, most_bytes=4 * KIB)
    task = await with_outputs(store, [10, 10, 10, 10, 3 * KIB, 10, 2 * KIB])
    assert await numbers(store, task.id) == [6, 7]

    all_kept = await opened()
    task = await with_outputs(all_kept, [10] * 50)
    assert await numbers(all_kept, task.id) == list(range(1, 51))


# Keys.


async def test_keys_are_forgotten_oldest_first_and_a_few_at_a_time(store):
    for number in range(5):
        await store.create([draft()], key(str(number), at=1000 + number))

    assert [await store.forget_keys(1003, 3) for _ in range(3)] == [3, 1, 0]
    assert await store.created_with(key("3", at=1010)) is None
    assert await store.created_with(key("4", at=1010)) is not None


# Minutes.


async def test_each_minute_counts_what_happened_in_it(store):
    waits = await running(store, created=0)
    await store.change(waits.id, lifecycle.returned("1", 61_500))
    failed = await create(store, created=59_999)
    await store.change(failed.id, lifecycle.taken(60_000))
    await store.change(failed.id, lifecycle.raised(lifecycle.error_text("E", "m"), 60_250))
    never = await create(store, created=61_000)
    await store.change(never.id, lifecycle.aborted("ann", 61_001))

    head, minutes = await store.minutes(0)

    assert head == await store.head()
    assert minutes == [
        Minute(minute=0, created=2, started=1, waiting_ms=1500),
        Minute(minute=1, created=1, started=1, finished=1, failed=2, ran=2, waiting_ms=1, running_ms=60_000 + 250),
    ]
    assert (await store.minutes(1))[1] == minutes[1:]


async def test_waiting_begins_when_a_task_may_start(store):
    task = await create(store, created=1000, not_before=60_000)
    await store.change(task.id, lifecycle.taken(60_200))

    assert (await store.minutes(1))[1] == [Minute(minute=1, started=1, waiting_ms=200)]


async def test_a_task_that_resumes_after_an_interruption_has_started_once(store):
    task = await running(store)
    await store.change(task.id, lifecycle.interrupted(1600, "the server stopped", True))
    await store.change(task.id, lifecycle.taken(1700))
    await store.change(task.id, lifecycle.returned("1", 2500))

    (minute,) = (await store.minutes(0))[1]
    assert minute == Minute(minute=0, created=1, started=1, finished=1, ran=1, waiting_ms=500, running_ms=1000)


async def test_a_refused_write_counts_nothing(store):
    task = await create(store)

    def explode(task):
        raise RuntimeError("a defect in a step")

    with pytest.raises(RuntimeError):
        await store.change(task.id, lifecycle.taken(1500), explode)

    assert (await store.minutes(0))[1] == [Minute(minute=0, created=1)]


async def test_minutes_are_added_up_over_restarts_and_forgotten(opened):
    await finished(await opened(), created=1000)
    store = await opened()
    await finished(store, created=2000)
    await create(store, created=60_000)

    first, second = (await store.minutes(0))[1]
    assert replace(first, waiting_ms=0, running_ms=0) == Minute(minute=0, created=2, started=2, finished=2, ran=2)

    assert await store.forget_minutes(1) == 1
    assert (await store.minutes(0))[1] == [second]
