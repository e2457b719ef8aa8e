"""How SQLite removes what is old: in short transactions, and with the right sums of what is left."""

from __future__ import annotations

from functools import partial

import pytest

from jobs.errors import NoSuchTask
from jobs.model import lifecycle
from jobs.model.task import RoundsCursor
from storage.sqlite import cleanup, stored_rounds
from tests.conformance.test_upkeep import KIB, Opened, numbers, report, with_outputs, with_rounds
from tests.support.stores import SEARCHABLE


@pytest.fixture
def opened(io_loop, tmp_path):
    opened = Opened(SEARCHABLE["sqlite"], tmp_path)
    yield opened
    io_loop.run_sync(opened.close)


@pytest.fixture
def store(io_loop, opened):
    return io_loop.run_sync(opened)


async def rows(store, table):
    return await store._database.write(
        lambda transaction: transaction.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    )


async def test_a_task_with_very_many_rounds_is_removed_in_steps_and_none_is_seen_meanwhile(store):
    task = await with_rounds(store, 2500)
    other = await with_rounds(store, 5)
    watch = RoundsCursor(task=task.id, after=0, began=0)
    await store.change(task.id, lifecycle.returned("1", 3000), lifecycle.deleted("ann", 4000, None, False))

    assert await rows(store, "rounds") == 1505
    assert (await store.watched_rounds(watch, (await store.head()).revision)).rounds == []
    with pytest.raises(NoSuchTask):
        await store.rounds(task.id, 0)

    assert [await store.tidy(1000) for _ in range(3)] == [1000, 500, 0]
    assert await numbers(store, other.id) == [1, 2, 3, 4, 5]
    assert (await rows(store, "rounds"), await rows(store, "leftovers")) == (5, 0)


async def test_a_task_that_is_removed_during_the_search_for_leftovers_leaves_no_rounds(opened, monkeypatch):
    task = await with_rounds(await opened(), 1500)
    store = await opened(most_rounds=1400)
    read_list = store._database.read_list
    end = lifecycle.returned("1", 3000), lifecycle.deleted("ann", 4000, None, False)

    async def read_then_remove(function):
        found = await read_list(function)
        if isinstance(found, list):
            await store.change(task.id, *end)
        return found

    monkeypatch.setattr(store._database, "read_list", read_then_remove)

    assert [await store.tidy(1000) for _ in range(2)] == [500, 0]
    assert await rows(store, "rounds") == 0


async def rounds_bytes(store, task_id):
    """Returns the stored size of a task's rounds, and the size that they have."""
    return await store._database.write(
        lambda transaction: transaction.execute(
            "SELECT rounds_bytes, (SELECT sum(100 + length(message) + length(output)) FROM rounds WHERE task = ?1) "
            "FROM tasks WHERE id = ?1",
            (task_id,),
        ).fetchone()
    )


@pytest.mark.parametrize("at_once", [1, 4, 20])
async def test_the_newest_rounds_of_a_task_are_kept_up_to_a_number_of_bytes(opened, at_once):
    store = await opened(most_bytes=5 * 2 * KIB)
    task = await with_outputs(store, [2 * KIB - 200] * 20, at_once=at_once)

    assert await numbers(store, task.id) == [16, 17, 18, 19, 20]
    noted, taken = await rounds_bytes(store, task.id)
    assert noted == taken <= 10 * KIB


async def test_repeated_rounds_count_once(opened):
    store = await opened(most_bytes=100 * KIB)
    task = await with_outputs(store, [KIB] * 10)
    await store.change(task.id, lifecycle.interrupted(3000, "the server stopped", True), lifecycle.taken(3001))
    await report(store, task.id, [2 * KIB] * 5)

    noted, taken = await rounds_bytes(store, task.id)
    assert noted == taken


async def test_bytes_that_were_never_counted_are_counted_with_the_next_round(opened):
    """For example those of a running task of the previous version."""
    task = await with_outputs(await opened(), [KIB] * 20)
    store = await opened(most_bytes=5 * KIB)
    await store._database.write(lambda transaction: transaction.execute("UPDATE tasks SET rounds_bytes = NULL"))

    await report(store, task.id, [10], first=21)
    await store._database.write(partial(cleanup.forget_leftovers, 1000))

    assert await numbers(store, task.id) == [17, 18, 19, 20, 21]
    noted, taken = await rounds_bytes(store, task.id)
    assert noted == taken


async def test_rounds_that_are_too_large_for_a_setting_that_was_lowered_are_found_and_forgotten(opened, monkeypatch):
    monkeypatch.setattr(cleanup, "LARGEST_ROUND_BYTES", 2 * KIB)
    monkeypatch.setattr(cleanup, "MOST_BYTES_AT_ONCE", 3 * KIB)
    store = await opened()
    large, small = await with_outputs(store, [KIB] * 20), await with_outputs(store, [10] * 20)
    store = await opened(most_bytes=5 * KIB)

    while await store.tidy(3):
        pass

    assert await numbers(store, large.id) == [17, 18, 19, 20]
    assert await numbers(store, small.id) == list(range(1, 21))
    for number in (21, 22):
        await report(store, large.id, [KIB], first=number)
        await store.tidy(1000)
        assert await numbers(store, large.id) == list(range(number - 3, number + 1))


async def test_not_too_many_bytes_are_removed_at_once(opened, monkeypatch):
    monkeypatch.setattr(stored_rounds, "MOST_BYTES_AT_ONCE", 3 * KIB)
    store = await opened()
    task = await with_outputs(store, [KIB] * 20)
    await store.change(task.id, lifecycle.returned("1", 3000), lifecycle.deleted("ann", 4000, None, False))
    assert await rows(store, "rounds") == 17

    while await store.tidy(1000):
        pass
    assert (await rows(store, "rounds"), await rows(store, "leftovers")) == (0, 0)
