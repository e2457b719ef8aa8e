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
def opened(run, tmp_path):
    opened = Opened(run, SEARCHABLE["sqlite"], tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def store(opened):
    return opened()


def rows(run, store, table):
    return run(
        store._database.write(lambda transaction: transaction.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    )


def test_a_task_with_very_many_rounds_is_removed_in_steps_and_none_is_seen_meanwhile(run, store):
    task = with_rounds(run, store, 2500)
    other = with_rounds(run, store, 5)
    watch = RoundsCursor(task=task.id, after=0, began=0)
    run(store.change(task.id, lifecycle.returned("1", 3000), lifecycle.deleted("ann", 4000, None, False)))

    assert rows(run, store, "rounds") == 1505
    assert run(store.watched_rounds(watch, run(store.head()).revision)).rounds == []
    with pytest.raises(NoSuchTask):
        run(store.rounds(task.id, 0))

    assert [run(store.tidy(1000)) for _ in range(3)] == [1000, 500, 0]
    assert numbers(run, store, other.id) == [1, 2, 3, 4, 5]
    assert (rows(run, store, "rounds"), rows(run, store, "leftovers")) == (5, 0)


def test_a_task_that_is_removed_while_leftovers_are_looked_for_leaves_no_rounds(run, opened, monkeypatch):
    task = with_rounds(run, opened(), 1500)
    store = opened(most_rounds=1400)
    read_list = store._database.read_list
    end = lifecycle.returned("1", 3000), lifecycle.deleted("ann", 4000, None, False)

    async def read_then_remove(function):
        found = await read_list(function)
        if isinstance(found, list):
            await store.change(task.id, *end)
        return found

    monkeypatch.setattr(store._database, "read_list", read_then_remove)

    assert [run(store.tidy(1000)) for _ in range(2)] == [500, 0]
    assert rows(run, store, "rounds") == 0


def rounds_bytes(run, store, task_id):
    """What is noted of a task's rounds, and what they take."""
    return run(
        store._database.write(
            lambda transaction: transaction.execute(
                "SELECT rounds_bytes, (SELECT sum(100 + length(message) + length(output)) FROM rounds WHERE task = ?1) "
                "FROM tasks WHERE id = ?1",
                (task_id,),
            ).fetchone()
        )
    )


@pytest.mark.parametrize("at_once", [1, 4, 20])
def test_of_a_task_as_many_bytes_of_the_newest_rounds_are_kept(run, opened, at_once):
    store = opened(most_bytes=5 * 2 * KIB)
    task = with_outputs(run, store, [2 * KIB - 200] * 20, at_once=at_once)

    assert numbers(run, store, task.id) == [16, 17, 18, 19, 20]
    noted, taken = rounds_bytes(run, store, task.id)
    assert noted == taken <= 10 * KIB


def test_rounds_that_are_done_again_count_once(run, opened):
    store = opened(most_bytes=100 * KIB)
    task = with_outputs(run, store, [KIB] * 10)
    run(store.change(task.id, lifecycle.interrupted(3000, "the server stopped", True), lifecycle.taken(3001)))
    report(run, store, task.id, [2 * KIB] * 5)

    noted, taken = rounds_bytes(run, store, task.id)
    assert noted == taken


def test_what_nobody_has_counted_is_counted_with_the_next_round(run, opened):
    """As of a task of the version before, which runs on."""
    task = with_outputs(run, opened(), [KIB] * 20)
    store = opened(most_bytes=5 * KIB)
    run(store._database.write(lambda transaction: transaction.execute("UPDATE tasks SET rounds_bytes = NULL")))

    report(run, store, task.id, [10], first=21)
    run(store._database.write(partial(cleanup.forget_leftovers, 1000)))

    assert numbers(run, store, task.id) == [17, 18, 19, 20, 21]
    noted, taken = rounds_bytes(run, store, task.id)
    assert noted == taken


def test_rounds_that_are_too_large_for_a_setting_that_was_lowered_are_found_and_forgotten(run, opened, monkeypatch):
    monkeypatch.setattr(cleanup, "LARGEST_ROUND_BYTES", 2 * KIB)
    monkeypatch.setattr(cleanup, "MOST_BYTES_AT_ONCE", 3 * KIB)
    store = opened()
    large, small = with_outputs(run, store, [KIB] * 20), with_outputs(run, store, [10] * 20)
    store = opened(most_bytes=5 * KIB)

    while run(store.tidy(3)):
        pass

    assert numbers(run, store, large.id) == [17, 18, 19, 20]
    assert numbers(run, store, small.id) == list(range(1, 21))
    for number in (21, 22):
        report(run, store, large.id, [KIB], first=number)
        run(store.tidy(1000))
        assert numbers(run, store, large.id) == list(range(number - 3, number + 1))


def test_not_too_many_bytes_are_removed_at_once(run, opened, monkeypatch):
    monkeypatch.setattr(stored_rounds, "MOST_BYTES_AT_ONCE", 3 * KIB)
    store = opened()
    task = with_outputs(run, store, [KIB] * 20)
    run(store.change(task.id, lifecycle.returned("1", 3000), lifecycle.deleted("ann", 4000, None, False)))
    assert rows(run, store, "rounds") == 17

    while run(store.tidy(1000)):
        pass
    assert (rows(run, store, "rounds"), rows(run, store, "leftovers")) == (0, 0)
