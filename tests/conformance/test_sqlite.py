"""What only the SQLite store can promise: what its schema holds, lists, and faults of the file."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest
from msgspec.structs import replace

from jobs.errors import StartError, StorageUnavailable
from jobs.model import lifecycle
from jobs.model.answer_size import LARGEST_FRAME_BYTES
from jobs.model.lifecycle import Change
from jobs.model.task import RoundsCursor, Status
from jobs.store import Interruption, ListQuery, RoundBounds
from storage.sqlite import opening
from storage.sqlite import store as sqlite_store
from storage.sqlite.opening import MIGRATIONS, open_database, prepare_database
from storage.sqlite.store import SqliteStore
from storage.sqlite.transactions import Joint
from tests.support.house import House
from tests.support.made import create, done, draft, finished, running
from tests.support.stores import open_sqlite


@pytest.fixture
def store(io_loop, tmp_path):
    opened = io_loop.run_sync(lambda: open_sqlite(tmp_path))
    yield opened
    io_loop.run_sync(opened.close)


async def test_drafts_are_created_all_or_none(store):
    head = await store.head()
    bad = draft(priority=101)

    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        await store.create([draft(), bad])

    assert await store.head() == head


@pytest.mark.parametrize(
    "impossible",
    [
        {"percent": 101},
        {"status": Status.FINISHED, "ended": 3000, "outcome": "Finished", "percent": 100},
        {"status": Status.EXCEPTION, "ended": 3000, "outcome": "Failed"},
        {"status": Status.ABORTED, "ended": None, "outcome": "Aborted"},
        {"status": Status.ABORTED, "ended": 3000, "outcome": ""},
        {"stopping": True},
        {"outcome": "Finished"},
        {"started": None},
    ],
)
async def test_the_schema_refuses_an_impossible_task(store, impossible):
    task = await running(store)

    with pytest.raises(sqlite3.IntegrityError):
        await store.change(task.id, lambda task: Change(replace(task, **impossible)))
    assert await store.task(task.id) == task


async def test_many_writes_at_once_share_few_transactions(store):
    commits = []
    store.report_to(commits.append)

    await asyncio.gather(*(store.create([draft(description=f"task {number}")]) for number in range(200)))

    assert (await store.head()).counts["Not Started"] == 200
    assert len(commits) <= 4


def one_less(items, transaction):
    return [item - 1 for item in items]


def count_together(items, transaction):
    return [len(items)] * len(items)


async def test_only_operations_of_one_kind_run_together_and_each_gets_its_own_result(store):
    operations = [Joint(one_less, 7), Joint(count_together, "a"), lambda _: "alone", Joint(one_less, 3)]
    operations += [Joint(count_together, "b"), Joint(count_together, "c")]

    results = await asyncio.gather(*map(store.inner._database.write, operations))

    assert results == [6, 3, "alone", 2, 3, 3]


async def test_a_locked_database_refuses_writes_serves_reads_and_recovers(store, tmp_path, monkeypatch):
    task = await create(store)
    other = sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageUnavailable, match="locked"):
        await store.create([draft()])
    assert await store.task(task.id) == task

    other.execute("ROLLBACK")
    other.close()
    assert (await create(store)).id == task.id + 1


async def test_what_is_committed_survives_a_power_cut_as_far_as_sqlite_can_ensure_it(store):
    """`synchronous = FULL` (2) with a write-ahead log: https://www.sqlite.org/pragma.html#pragma_synchronous"""

    def pragmas(transaction):
        return [transaction.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert await store.inner._database.write(pragmas) == ["wal", 2]


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
async def test_a_defect_in_the_middle_of_a_commit_does_not_stop_later_writes(store, monkeypatch, moment):
    usual = getattr(store.inner, moment)

    def defect(transaction):
        setattr(store.inner, moment, usual)
        raise RuntimeError("a defect")

    setattr(store.inner, moment, defect)
    if moment == "before_commit":
        with pytest.raises(RuntimeError, match="a defect"):
            await store.create([draft()])
    else:
        await store.create([draft()])
    before = (await store.head()).counts["Not Started"]

    await create(store)
    assert (await store.head()).counts["Not Started"] == before + 1
    assert before == (moment == "after_commit")


def write_older(tmp_path, monkeypatch, first_missing, tasks):
    """Writes these tasks into a database of a version that had no migrations from that one on."""
    older = tmp_path / "migrations"
    older.mkdir()
    for step in MIGRATIONS.glob("*.sql"):
        if step.name < first_missing:
            (older / step.name).write_text(step.read_text())
    with monkeypatch.context() as before:
        before.setattr(opening, "MIGRATIONS", older)
        prepare_database(tmp_path / "hourglass.db")
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as connection:
        for task in tasks:
            columns, values = zip(*(OLD_TASK | task).items(), strict=True)
            connection.execute(
                f"INSERT INTO tasks ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values
            )


async def test_a_lock_of_an_older_database_becomes_a_list_of_one(tmp_path, monkeypatch):
    write_older(tmp_path, monkeypatch, "0003", [{"id": 1, "lock": 'pool "rbd"'}, {"id": 2, "lock": None}])

    opened = await open_sqlite(tmp_path)
    assert [task.locks for task in await opened.tasks(await opened.unfinished())] == [('pool "rbd"',), ()]
    await opened.close()


OLD_TASK = {
    "job": "plain", "params": "{}", "description": "Counting", "metadata": "{}", "status": "Not Started", "stopping": 0,
    "forced": 0, "percent": 0, "round": 0, "checkpoint_round": 0, "message": "", "created": 1, "last_modified": 1,
    "stalled": 0, "outcome": "", "interruptions": 0, "deaths": 0, "priority": 0, "pinned": 0, "revision": 1,
}  # fmt: skip


async def test_an_older_database_without_places_goes_on_with_its_unfinished_tasks(tmp_path, monkeypatch):
    running = {"status": "Running", "started": 2, "round": 3, "checkpoint_round": 3, "locks": '["pool:rbd"]'}
    aborted = {"status": "Aborted", "started": 2, "stopping": 1, "ended": 3, "outcome": "Aborted", "ended_by": "ann"}
    tasks = [{"id": 1, **running}, {"id": 2, **aborted}, {"id": 3}]
    write_older(tmp_path, monkeypatch, "0014", tasks)
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as connection:
        connection.execute("UPDATE head SET revision = 1, not_started = 1, running = 1, aborted = 1")

    opened = await open_sqlite(tmp_path)
    found = await opened.tasks([1, 2, 3])
    house = House(workers=2, store=opened.inner)
    await house.queue.recover()
    await house.settle()
    now = await opened.tasks([1, 2, 3])
    await opened.close()

    assert [(task.place, task.attempt, task.needs) for task in found] == [(None, 0, ())] * 3
    assert [(task.status, task.stopping) for task in now] == [
        ("Running", False),
        ("Aborted", False),
        ("Running", False),
    ]
    assert [(task.place, task.attempt, task.interruptions) for task in now] == [
        (None, 1, 1),
        (None, 0, 0),
        (None, 1, 0),
    ]
    assert [house.engine.running[task].attempt for task in (1, 3)] == [1, 1]


async def test_a_database_of_a_newer_version_is_refused_with_an_explanation(tmp_path):
    await run_and_close(tmp_path)
    with sqlite3.connect(tmp_path / "hourglass.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()

    with pytest.raises(StartError, match=r"data_dir.*version 99.*newer"):
        await open_database(tmp_path)


async def test_a_file_that_is_not_a_database_is_refused_with_an_explanation(tmp_path):
    (tmp_path / "hourglass.db").write_text("not a database at all, only some text of a certain length " * 20)

    with pytest.raises(StartError, match=r"data_dir.*not a database"):
        await open_database(tmp_path)


async def test_a_directory_that_is_a_file_is_refused_with_an_explanation(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StartError, match="data_dir"):
        await open_database(tmp_path / "file")


async def run_and_close(directory):
    database = await open_database(directory)
    await database.close()


# Lists.


async def listed(store, **query):
    return await store.inner.list_tasks(ListQuery(**query))


def ids(page):
    return [task.id for task in page.tasks]


async def create_five(store):
    """Five tasks, one of each kind; the later ones changed later."""
    texts = [
        "Counting apples",
        "Setting number of PGs of pool rbd to 64",
        "Über-Größe messen",
        "Zählen",
        "apple_pie-100%",
    ]
    tasks = [await create(store, description=text, created=1000 + 10 * n) for n, text in enumerate(texts)]
    waits, runs, ends, fails, stops = (task.id for task in tasks)
    await store.change(runs, lifecycle.taken(2000))
    await store.change(ends, lifecycle.taken(2100), lifecycle.returned("1", 2900))
    await store.change(fails, lifecycle.taken(2200), lifecycle.raised(lifecycle.error_text("E", "m"), 2300))
    await store.change(stops, lifecycle.aborted("ann", 2400))
    return waits, runs, ends, fails, stops


@pytest.fixture
def five(io_loop, store):
    return io_loop.run_sync(lambda: create_five(store))


async def test_a_list_begins_with_what_changed_last(store, five):
    waits, runs, ends, fails, stops = five

    assert ids(await listed(store)) == [ends, stops, fails, runs, waits]


@pytest.mark.parametrize(
    ("ordering", "order"),
    [
        ("id", "01234"),
        ("-id", "43210"),
        ("status", "01234"),
        ("-status", "43210"),
        ("created", "01234"),
        ("percent", "01342"),
        ("-percent", "24310"),
        ("last_modified", "01342"),
        ("runtime", "32014"),
        ("-runtime", "23410"),
    ],
)
async def test_lists_sort_by_each_column_ties_by_id_null_last(store, five, ordering, order):
    assert ids(await listed(store, ordering=ordering)) == [five[int(place)] for place in order]


@pytest.mark.parametrize(("ordering", "backwards"), [("description", False), ("-description", True)])
async def test_lists_sort_by_description(store, five, ordering, backwards):
    texts = [task.description for task in (await listed(store, ordering=ordering)).tasks]

    assert texts == sorted(texts, reverse=backwards)


async def test_lists_filter_by_several_statuses(store, five):
    page = await listed(store, statuses=(Status.EXCEPTION, Status.ABORTED), ordering="id")

    assert ids(page) == [five[3], five[4]]
    assert (page.count, page.count_exact) == (2, True)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("apple", [0, 4]),
        ("APPLES", [0]),
        ("app pie", [4]),
        ("pie apple", [4]),
        ("über", [2]),
        ("größe", [2]),
        ("GRÖSSE", [2]),
        ("pg 64", [1]),
        ("64", [1]),
        ("ple", []),
        ("%", []),
        ("_", []),
        ("* OR pool", []),
        ('"rbd"', [1]),
        ("100%", [4]),
        ("NEAR", []),
    ],
)
async def test_a_search_finds_beginnings_of_words_and_knows_no_wildcards(store, five, search, found):
    page = await listed(store, search=search, ordering="id")

    assert ids(page) == [five[place] for place in found]
    assert (page.count, page.count_exact) == (len(found), True)


async def test_a_search_works_together_with_a_status(store, five):
    assert ids(await listed(store, search="apple", statuses=(Status.ABORTED,))) == [five[4]]


async def test_a_deleted_task_is_not_found_any_more(store):
    task = await finished(store, description="Counting apples")
    await store.change(task.id, lifecycle.deleted("ann", 3000, None, False))

    assert ids(await listed(store, search="apples")) == []


async def test_pages_follow_each_other_and_end_in_an_empty_one(store, five):
    pages = [ids(await listed(store, ordering="id", page=page, page_size=2)) for page in (1, 2, 3, 4)]

    assert pages == [list(five[:2]), list(five[2:4]), list(five[4:]), []]
    assert (await listed(store, ordering="id", page=4, page_size=2)).count == 5


async def test_lists_filter_by_job_and_by_who_created(store):
    mine = await create(store, job="mine", created_by="ann")
    await create(store, job="other", created_by="bob")

    assert ids(await listed(store, job="mine")) == [mine.id]
    assert ids(await listed(store, created_by="ann")) == [mine.id]


async def test_large_results_are_left_out_of_lists(store):
    await finished(store, result='"' + "x" * 20_000 + '"')

    (task,) = (await listed(store)).tasks
    assert (task.result, task.result_bytes) == (None, 20_002)


async def test_a_frame_of_large_tasks_ends_early_and_loses_nothing(store):
    nearly_large = '{"text": "' + "x" * 16_000 + '"}'
    created = [(await create(store, params=nearly_large)).id for _ in range(300)]
    since, seen, frames = 0, [], 0

    while (changes := await store.changes(since)).revision > since:
        seen += [task.id for task in changes.tasks if task.params]
        since, frames = changes.revision, frames + 1
        assert sum(len(task.params) for task in changes.tasks) <= LARGEST_FRAME_BYTES

    assert seen == created
    assert frames >= 3


def test_the_file_can_be_read_by_its_owner_alone(store, tmp_path):
    assert (tmp_path / "hourglass.db").stat().st_mode & 0o077 == 0


async def test_the_store_keeps_its_name(store, tmp_path):
    name = (await store.head()).store

    again = await store.reopen()
    assert (await again.head()).store == name
    await again.close()
    store.close = again.close
    assert isinstance(again.inner, SqliteStore)


async def test_rounds_beyond_a_lowered_setting_are_found_once_and_removed_in_small_steps(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(number) for number in range(1, 31)], 2000))
    lowered = SqliteStore(store.inner._database, RoundBounds(most=10))

    assert [await lowered.tidy(15) for _ in range(3)] == [15, 5, 0]
    assert [one.number for one in (await store.rounds(task.id, 0)).rounds] == list(range(21, 31))

    await store.change(task.id, lifecycle.reported([done(number) for number in range(31, 61)], 2000))
    again = SqliteStore(store.inner._database, RoundBounds(most=10))
    assert await again.tidy(100) == 0, "looked through already: reports keep to the setting by themselves"


async def test_a_task_keeps_its_newest_rounds_as_they_come(store):
    keeping = SqliteStore(store.inner._database, RoundBounds(most=10))
    task = await running(store)
    for first in range(1, 60, 7):
        await keeping.change(task.id, lifecycle.reported([done(number) for number in range(first, first + 7)], 2000))

    assert [one.number for one in (await store.rounds(task.id, 0)).rounds] == list(range(54, 64))


async def test_a_task_with_very_many_rounds_is_removed_at_once_and_its_rounds_later(store):
    task = await running(store)
    for first in range(1, 2501, 500):
        await store.change(task.id, lifecycle.reported([done(number) for number in range(first, first + 500)], 2000))
    await store.change(task.id, lifecycle.aborted("ann", 3000), lifecycle.stopped(3000))
    assert await store.change(task.id, lifecycle.deleted("ann", 4000, "final", False)) is None

    head = (await store.head()).revision
    assert (await store.watched_rounds(RoundsCursor(task=task.id, after=0, began=0), head)).rounds == []
    forgotten = [await store.inner.tidy(1000) for _ in range(3)]
    assert forgotten == [1000, 500, 0]


@pytest.mark.parametrize(("between", "resumed"), [(3, 2500), (4, None)])
async def test_a_resumption_is_searched_for_in_a_bounded_number_of_transitions(store, monkeypatch, between, resumed):
    monkeypatch.setattr(sqlite_store, "FARTHEST_RESUMPTION", 4)
    task = await running(store)
    await store.change(task.id, lifecycle.interrupted(2000, "the server stopped", True))
    await store.create([draft()] * between)
    await store.change(task.id, lifecycle.taken(2500))

    assert await store.inner.interruptions(task.id) == [Interruption(2000, resumed)]
