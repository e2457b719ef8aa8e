"""A filled database is what the service would have written, had it done the same."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from bench.fill import CHANGES_DAYS, QUIET_MS, fill
from bench.tales import ABSENT_WORD, COMMON_WORD, RARE_TASKS, RARE_WORD, SPAN_MS, tales
from jobs.clock import DAY_MS, MINUTE_MS
from jobs.model.task import Status
from jobs.queue.retention import MINUTES_KEPT
from jobs.store import ListQuery
from tests.support.service import ROOT
from tests.support.stores import open_sqlite

COUNT = 600
NOW = 1_800_000_000_000
TABLES = [
    "tasks",
    "rounds",
    "transitions",
    "deletions",
    "checkpoints",
    "large_results",
    "minutes",
    "leftovers",
    "sqlite_sequence",
]


async def write_by_the_service(directory):
    """The same tasks, one step after another, as the queue writes them."""
    store = await open_sqlite(directory)
    for tale in tales(COUNT, seed=1, until=NOW - QUIET_MS):
        ((created),) = await store.create([tale.draft])
        for step in tale.steps:
            await store.change(created.task.id, step)
    while await store.forget_changes(NOW - CHANGES_DAYS * DAY_MS):
        pass
    await store.inner.forget_minutes(NOW // MINUTE_MS - MINUTES_KEPT)
    await store.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    directory = tmp_path_factory.mktemp("filled")
    fill(directory, COUNT, seed=1, now=NOW)
    return directory


@pytest.fixture
def store(io_loop, filled):
    opened = io_loop.run_sync(lambda: open_sqlite(filled))
    yield opened
    io_loop.run_sync(opened.close)


def rows_of(directory, statement):
    with closing(sqlite3.connect(directory / "hourglass.db")) as connection:
        return connection.execute(statement).fetchall()


async def test_a_filled_database_holds_what_the_service_writes(filled, tmp_path):
    await write_by_the_service(tmp_path)

    for table in TABLES:
        assert rows_of(filled, f"SELECT * FROM {table}") == rows_of(tmp_path, f"SELECT * FROM {table}"), table
    of_this_file = {"store", "run", "step", "base"}
    columns = [column[1] for column in rows_of(filled, "PRAGMA table_info(head)") if column[1] not in of_this_file]
    head = f"SELECT {', '.join(columns)} FROM head"
    assert rows_of(filled, head) == rows_of(tmp_path, head)
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
    assert rows_of(filled, schema) == rows_of(tmp_path, schema)


def test_a_filled_database_is_sound(filled):
    assert rows_of(filled, "PRAGMA integrity_check") == [("ok",)]
    assert rows_of(filled, "PRAGMA journal_mode") == [("wal",)]


async def test_the_stored_counts_are_those_of_the_rows(store, filled):
    counts = (await store.head()).counts

    assert {status: count for status, count in counts.items() if count} == dict(
        rows_of(filled, "SELECT status, count(*) FROM tasks GROUP BY status")
    )
    assert all(counts[status] for status in (Status.FINISHED, Status.EXCEPTION, Status.ABORTED))


@pytest.mark.parametrize(("word", "least", "most"), [(RARE_WORD, RARE_TASKS, RARE_TASKS), (ABSENT_WORD, 0, 0)])
async def test_a_search_finds_rare_words_and_nothing_for_an_absent_one(store, word, least, most):
    assert least <= (await store.inner.list_tasks(ListQuery(search=word))).count <= most


async def test_the_common_word_is_in_about_every_second_description(store):
    assert COUNT * 0.4 < (await store.inner.list_tasks(ListQuery(search=COMMON_WORD))).count < COUNT * 0.6


def test_the_tasks_are_spread_over_their_time_and_are_of_many_kinds(filled):
    kinds = "SELECT count(DISTINCT job), count(DISTINCT created_by), count(DISTINCT percent) FROM tasks"
    jobs, people, percents = rows_of(filled, kinds)[0]
    assert jobs >= 4
    assert people >= 4
    assert percents > 3
    assert rows_of(filled, "SELECT min(created) FROM tasks") == [(NOW - QUIET_MS - SPAN_MS,)]


def test_a_directory_with_tasks_is_refused_with_an_explanation(filled):
    with pytest.raises(ValueError, match="expected a directory without tasks"):
        fill(filled, 5)


@pytest.mark.parametrize("module", ["bench", "bench.fill"])
def test_the_commands_explain_themselves(module):
    answer = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
    assert f"python -m {module}" in answer.stdout
