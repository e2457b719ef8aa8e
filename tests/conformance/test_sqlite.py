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
from tests.conformance.test_stores import create, done, draft, finished, running
from tests.support.stores import open_sqlite


@pytest.fixture
def store(run, tmp_path):
    opened = run(open_sqlite(tmp_path))
    yield opened
    run(opened.close())


def test_drafts_are_created_all_or_none(run, store):
    head = run(store.head())
    bad = draft(priority=101)

    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        run(store.create([draft(), bad]))

    assert run(store.head()) == head


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
def test_the_schema_refuses_an_impossible_task(run, store, impossible):
    task = running(run, store)

    with pytest.raises(sqlite3.IntegrityError):
        run(store.change(task.id, lambda task: Change(replace(task, **impossible))))
    assert run(store.task(task.id)) == task


def test_many_writes_at_once_go_in_few_transactions(run, store):
    commits = []
    store.report_to(commits.append)

    async def many():
        await asyncio.gather(*(store.create([draft(description=f"task {number}")]) for number in range(200)))

    run(many())

    assert run(store.head()).counts["Not Started"] == 200
    assert len(commits) <= 4


def one_less(items, transaction):
    return [item - 1 for item in items]


def count_together(items, transaction):
    return [len(items)] * len(items)


def test_operations_go_together_with_their_like_alone_and_each_gets_its_own_result(run, store):
    async def write_all():
        operations = [Joint(one_less, 7), Joint(count_together, "a"), lambda _: "alone", Joint(one_less, 3)]
        operations += [Joint(count_together, "b"), Joint(count_together, "c")]
        return await asyncio.gather(*map(store.inner._database.write, operations))

    assert run(write_all()) == [6, 3, "alone", 2, 3, 3]


def test_a_locked_database_refuses_writes_serves_reads_and_recovers(run, store, tmp_path, monkeypatch):
    task = create(run, store)
    other = sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageUnavailable, match="locked"):
        run(store.create([draft()]))
    assert run(store.task(task.id)) == task

    other.execute("ROLLBACK")
    other.close()
    assert create(run, store).id == task.id + 1


def test_what_is_committed_survives_a_power_cut_as_far_as_sqlite_can_see_to_it(run, store):
    """`synchronous = FULL` (2) with a write-ahead log: https://www.sqlite.org/pragma.html#pragma_synchronous"""

    def pragmas(transaction):
        return [transaction.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert run(store.inner._database.write(pragmas)) == ["wal", 2]


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_a_defect_in_the_middle_of_a_commit_holds_up_nobody_who_comes_after(run, store, monkeypatch, moment):
    usual = getattr(store.inner, moment)

    def defect(transaction):
        setattr(store.inner, moment, usual)
        raise RuntimeError("a defect")

    setattr(store.inner, moment, defect)
    if moment == "before_commit":
        with pytest.raises(RuntimeError, match="a defect"):
            run(store.create([draft()]))
    else:
        run(store.create([draft()]))
    before = run(store.head()).counts["Not Started"]

    create(run, store)
    assert run(store.head()).counts["Not Started"] == before + 1
    assert before == (moment == "after_commit")


def test_a_lock_of_an_older_database_becomes_a_list_of_one(run, tmp_path, monkeypatch):
    older = tmp_path / "migrations"
    older.mkdir()
    for step in sorted(MIGRATIONS.glob("*.sql"))[:2]:
        (older / step.name).write_text(step.read_text())
    with monkeypatch.context() as before:
        before.setattr(opening, "MIGRATIONS", older)
        prepare_database(tmp_path / "hourglass.db")
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as connection:
        columns = ("id", "lock", *OLD_TASK)
        values = [(1, 'pool "rbd"', *OLD_TASK.values()), (2, None, *OLD_TASK.values())]
        connection.executemany(
            f"INSERT INTO tasks ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values
        )

    opened = run(open_sqlite(tmp_path))
    assert [task.locks for task in run(opened.tasks(run(opened.unfinished())))] == [('pool "rbd"',), ()]
    run(opened.close())


OLD_TASK = {
    "job": "plain", "params": "{}", "description": "Counting", "metadata": "{}", "status": "Not Started", "stopping": 0,
    "forced": 0, "percent": 0, "round": 0, "checkpoint_round": 0, "message": "", "created": 1, "last_modified": 1,
    "stalled": 0, "outcome": "", "interruptions": 0, "deaths": 0, "priority": 0, "pinned": 0, "revision": 1,
}  # fmt: skip


def test_a_database_of_a_newer_version_is_refused_in_words(run, tmp_path):
    run(run_and_close(tmp_path))
    with sqlite3.connect(tmp_path / "hourglass.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()

    with pytest.raises(StartError, match=r"data_dir.*version 99.*newer"):
        run(open_database(tmp_path))


def test_a_file_that_is_no_database_is_refused_in_words(run, tmp_path):
    (tmp_path / "hourglass.db").write_text("not a database at all, only some text of a certain length " * 20)

    with pytest.raises(StartError, match=r"data_dir.*not a database"):
        run(open_database(tmp_path))


def test_a_directory_that_is_a_file_is_refused_in_words(run, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StartError, match="data_dir"):
        run(open_database(tmp_path / "file"))


async def run_and_close(directory):
    database = await open_database(directory)
    await database.close()


# Lists.


def listed(run, store, **query):
    return run(store.inner.list_tasks(ListQuery(**query)))


def ids(page):
    return [task.id for task in page.tasks]


@pytest.fixture
def five(run, store):
    """Five tasks, one of each kind; the later ones changed later."""
    texts = [
        "Counting apples",
        "Setting number of PGs of pool rbd to 64",
        "Über-Größe messen",
        "Zählen",
        "apple_pie-100%",
    ]
    tasks = [create(run, store, description=text, created=1000 + 10 * n) for n, text in enumerate(texts)]
    waits, runs, ends, fails, stops = (task.id for task in tasks)
    run(store.change(runs, lifecycle.taken(2000)))
    run(store.change(ends, lifecycle.taken(2100), lifecycle.returned("1", 2900)))
    run(store.change(fails, lifecycle.taken(2200), lifecycle.raised(lifecycle.error_text("E", "m"), 2300)))
    run(store.change(stops, lifecycle.aborted("ann", 2400)))
    return waits, runs, ends, fails, stops


def test_a_list_begins_with_what_changed_last(run, store, five):
    waits, runs, ends, fails, stops = five

    assert ids(listed(run, store)) == [ends, stops, fails, runs, waits]


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
def test_lists_sort_by_each_column_ties_by_id_null_last(run, store, five, ordering, order):
    assert ids(listed(run, store, ordering=ordering)) == [five[int(place)] for place in order]


@pytest.mark.parametrize(("ordering", "backwards"), [("description", False), ("-description", True)])
def test_lists_sort_by_description(run, store, five, ordering, backwards):
    texts = [task.description for task in listed(run, store, ordering=ordering).tasks]

    assert texts == sorted(texts, reverse=backwards)


def test_lists_filter_by_several_statuses(run, store, five):
    page = listed(run, store, statuses=(Status.EXCEPTION, Status.ABORTED), ordering="id")

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
def test_a_search_finds_beginnings_of_words_and_knows_no_wildcards(run, store, five, search, found):
    page = listed(run, store, search=search, ordering="id")

    assert ids(page) == [five[place] for place in found]
    assert (page.count, page.count_exact) == (len(found), True)


def test_a_search_works_together_with_a_status(run, store, five):
    assert ids(listed(run, store, search="apple", statuses=(Status.ABORTED,))) == [five[4]]


def test_a_deleted_task_is_not_found_any_more(run, store):
    task = finished(run, store, description="Counting apples")
    run(store.change(task.id, lifecycle.deleted("ann", 3000, None, False)))

    assert ids(listed(run, store, search="apples")) == []


def test_pages_follow_each_other_and_end_in_an_empty_one(run, store, five):
    pages = [ids(listed(run, store, ordering="id", page=page, page_size=2)) for page in (1, 2, 3, 4)]

    assert pages == [list(five[:2]), list(five[2:4]), list(five[4:]), []]
    assert listed(run, store, ordering="id", page=4, page_size=2).count == 5


def test_lists_filter_by_job_and_by_who_created(run, store):
    mine = create(run, store, job="mine", created_by="ann")
    create(run, store, job="other", created_by="bob")

    assert ids(listed(run, store, job="mine")) == [mine.id]
    assert ids(listed(run, store, created_by="ann")) == [mine.id]


def test_large_results_are_left_out_of_lists(run, store):
    finished(run, store, result='"' + "x" * 20_000 + '"')

    (task,) = listed(run, store).tasks
    assert (task.result, task.result_bytes) == (None, 20_002)


def test_a_frame_of_large_tasks_ends_early_and_loses_nothing(run, store):
    nearly_large = '{"text": "' + "x" * 16_000 + '"}'
    created = [create(run, store, params=nearly_large).id for _ in range(300)]
    since, seen, frames = 0, [], 0

    while (changes := run(store.changes(since))).revision > since:
        seen += [task.id for task in changes.tasks if task.params]
        since, frames = changes.revision, frames + 1
        assert sum(len(task.params) for task in changes.tasks) <= LARGEST_FRAME_BYTES

    assert seen == created
    assert frames >= 3


def test_the_file_can_be_read_by_its_owner_alone(run, store, tmp_path):
    assert (tmp_path / "hourglass.db").stat().st_mode & 0o077 == 0


def test_the_store_keeps_its_name(run, store, tmp_path):
    name = run(store.head()).store

    again = run(store.reopen())
    assert run(again.head()).store == name
    run(again.close())
    store.close = again.close
    assert isinstance(again.inner, SqliteStore)


def test_rounds_beyond_a_lowered_setting_are_found_once_and_go_in_small_steps(run, store):
    task = running(run, store)
    run(store.change(task.id, lifecycle.reported([done(number) for number in range(1, 31)], 2000)))
    lowered = SqliteStore(store.inner._database, RoundBounds(most=10))

    assert [run(lowered.tidy(15)) for _ in range(3)] == [15, 5, 0]
    assert [one.number for one in run(store.rounds(task.id, 0)).rounds] == list(range(21, 31))

    run(store.change(task.id, lifecycle.reported([done(number) for number in range(31, 61)], 2000)))
    again = SqliteStore(store.inner._database, RoundBounds(most=10))
    assert run(again.tidy(100)) == 0, "looked through already: reports keep to the setting by themselves"


def test_a_task_keeps_its_newest_rounds_as_they_come(run, store):
    keeping = SqliteStore(store.inner._database, RoundBounds(most=10))
    task = running(run, store)
    for first in range(1, 60, 7):
        run(keeping.change(task.id, lifecycle.reported([done(number) for number in range(first, first + 7)], 2000)))

    assert [one.number for one in run(store.rounds(task.id, 0)).rounds] == list(range(54, 64))


def test_a_task_with_very_many_rounds_is_gone_at_once_and_its_rounds_go_later(run, store):
    task = running(run, store)
    for first in range(1, 2501, 500):
        run(store.change(task.id, lifecycle.reported([done(number) for number in range(first, first + 500)], 2000)))
    run(store.change(task.id, lifecycle.aborted("ann", 3000), lifecycle.stopped(3000)))
    assert run(store.change(task.id, lifecycle.deleted("ann", 4000, "final", False))) is None

    head = run(store.head()).revision
    assert run(store.watched_rounds(RoundsCursor(task=task.id, after=0, began=0), head)).rounds == []
    forgotten = [run(store.inner.tidy(1000)) for _ in range(3)]
    assert forgotten == [1000, 500, 0]


@pytest.mark.parametrize(("between", "resumed"), [(3, 2500), (4, None)])
def test_a_resumption_is_looked_for_among_so_many_transitions(run, store, monkeypatch, between, resumed):
    monkeypatch.setattr(sqlite_store, "FARTHEST_RESUMPTION", 4)
    task = running(run, store)
    run(store.change(task.id, lifecycle.interrupted(2000, "the server stopped", True)))
    run(store.create([draft()] * between))
    run(store.change(task.id, lifecycle.taken(2500)))

    assert run(store.inner.interruptions(task.id)) == [Interruption(2000, resumed)]
