"""A database that was copied, restored, or left by a killed server: recognised at the next start, and never mixed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from jobs.errors import StartError, StorageUnavailable
from jobs.store import ListQuery
from storage.locks import command_lock, server_lock
from storage.sqlite import mark
from storage.sqlite.beside import read_beside, write_beside
from storage.sqlite.database import run_in_thread
from storage.sqlite.opening import open_database, write_beside_server
from storage.sqlite.recognition import recognise
from tests.support.made import create, draft
from tests.support.service import ROOT
from tests.support.stores import open_sqlite

TWO_RUNS_OF_A_SERVER = """
import asyncio, os, sqlite3, subprocess, sys, traceback
from contextlib import ExitStack, closing
from pathlib import Path
from jobs.store import Draft
from storage.sqlite.database import run_in_thread
from storage.sqlite.opening import open_database
from storage.sqlite.store import SqliteStore

folder = Path(sys.argv[1])
source = folder / "data" / "hourglass.db"

def back_up(moment):
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM INTO ?", [str(folder / f"vacuumed {moment}")])
        with closing(sqlite3.connect(folder / f"backed up {moment}")) as other:
            connection.backup(other)
    subprocess.run(["cp", source, folder / f"copied {moment}"], check=True)

async def run():
    database = await open_database(source.parent)
    store = SqliteStore(database)
    async def create(name):
        await store.create([Draft(job="plain", params="{}", description=name, created=1)])
    return database, create

async def both_runs():
    database, create = await run()
    await create("one")
    back_up("in an earlier run")
    await database.close()
    database, create = await run()
    await create("two")
    back_up("before a checkpoint")
    await create("three")
    await run_in_thread(database._writer, checkpoint)
    await create("four")
    back_up("after it")
    await create("five")

def checkpoint(connection):
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

async def run_and_die():
    try:
        await both_runs()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

asyncio.run(run_and_die())
"""
MOMENTS = {"in an earlier run": 1, "before a checkpoint": 2, "after it": 4}
BACKUPS = [(way, moment) for way in ("vacuumed", "backed up") for moment in MOMENTS]


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory):
    """The data directory of a server that was killed in its second run, and backups of several moments."""
    folder = tmp_path_factory.mktemp("left")
    subprocess.run([sys.executable, "-c", TWO_RUNS_OF_A_SERVER, str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture
def data(left_behind, tmp_path):
    """The same directory, as if it had always been this one."""
    return as_the_original(left_behind / "data", tmp_path / "data")


def as_the_original(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    beside = read_beside(folder)
    assert beside is not None
    write_beside(folder, replace(beside, inode=(folder / "hourglass.db").stat().st_ino))
    return folder


def remove_log(folder):
    for suffix in ("wal", "shm"):
        (folder / f"hourglass.db-{suffix}").unlink()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def opened(folder):
    """Opens the database as a server does. Returns its head, the descriptions of its tasks, and the next id."""
    store = await open_sqlite(folder)
    head = await store.head()
    names = [task.description for task in (await store.inner.list_tasks(ListQuery(ordering="id"))).tasks]
    task = await create(store)
    await store.close()
    with closing(sqlite3.connect(folder / "hourglass.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return head, names, task.id


def store_name(folder):
    with closing(sqlite3.connect(f"file:{folder}/hourglass.db?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT store FROM head").fetchone()[0]


ALL = ["one", "two", "three", "four", "five"]


async def test_the_database_that_a_killed_server_leaves_is_the_same_one(data):
    name = store_name(data)
    head, names, next_id = await opened(data)

    assert (head.store, names, next_id, head.oldest) == (name, ALL, 6, 0)
    assert (await opened(data))[0].store == name, "after a stop in good order, too"


@pytest.mark.parametrize(("way", "moment"), BACKUPS)
@pytest.mark.parametrize("how", ["over it", "in its place"])
async def test_a_backup_beside_the_log_of_another_database_is_refused_and_nothing_is_touched(
    left_behind, data, way, moment, how
):
    backup = left_behind / f"{way} {moment}"
    if how == "over it":
        shutil.copyfile(backup, data / "hourglass.db")
    else:
        shutil.copyfile(backup, data / "new")
        os.replace(data / "new", data / "hourglass.db")
    before = contents(data)

    for _ in range(2):
        with pytest.raises(StartError, match=r"hourglass\.db-wal beside it do not belong together.*remove"):
            await open_database(data)
    assert contents(data) == before


@pytest.mark.parametrize(("way", "moment"), [*BACKUPS, *(("copied", moment) for moment in MOMENTS)])
async def test_a_backup_without_a_log_counts_as_restored_so_that_clients_load_again(left_behind, data, way, moment):
    name = store_name(data)
    remove_log(data)
    shutil.copyfile(left_behind / f"{way} {moment}", data / "hourglass.db")
    head, names, next_id = await opened(data)

    assert head.store != name
    assert names == ALL[: len(names)]
    assert way == "copied" or len(names) == MOMENTS[moment]
    assert head.oldest == head.revision > 1_000_000, "no `since` of the original is answered"
    assert next_id > 1_000_000, "no id of the original is given again"
    assert (await opened(data))[0].store == head.store, "once"


async def test_a_database_counts_as_no_copy_after_a_kill_between_a_checkpoint_and_the_next_commit(data):
    name = store_name(data)
    with closing(sqlite3.connect(data / "hourglass.db", isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        left = as_the_original(data, data.parent / "left")

    assert (await opened(left))[0].store == name


async def test_if_a_stop_cannot_record_the_state_of_the_database_the_next_start_reads_it_from_the_log(
    data, monkeypatch
):
    name = store_name(data)
    store = await open_sqlite(data)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as while_it_stops:
        while_it_stops.setattr(mark, "write_beside", full)
        await store.close()

    assert (await opened(data))[0].store == name


async def test_a_copied_directory_is_another_database_and_the_original_stays_the_same(data, tmp_path):
    name = store_name(data)
    shutil.copytree(data, tmp_path / "elsewhere")
    there, names, _ = await opened(tmp_path / "elsewhere")

    assert names == ALL
    assert there.store != name == (await opened(data))[0].store


async def test_without_the_file_beside_it_a_database_and_a_log_from_a_snapshot_are_accepted(left_behind, data):
    shutil.copyfile(left_behind / "backed up after it", data / "hourglass.db")
    (data / "database.json").unlink()

    assert (await opened(data))[1] == ALL


@pytest.mark.parametrize("text", [b"", b"{", b'{"run": 1}', b"\xff"])
async def test_without_a_valid_file_beside_it_a_database_counts_as_copied(data, text, caplog):
    name = store_name(data)
    (data / "database.json").write_bytes(text)
    head, names, _ = await opened(data)

    assert (head.store != name, names) == (True, ALL)
    assert "database.json" in caplog.text


async def test_a_log_without_its_database_is_refused(data):
    (data / "hourglass.db").unlink()
    before = contents(data)

    with pytest.raises(StartError, match=r"is missing.*hourglass\.db-wal is there: put the database back"):
        await open_database(data)
    assert contents(data) == before


@pytest.mark.parametrize("size", [0, 100, 4096, 50_000])
async def test_a_truncated_database_is_refused(data, size):
    await opened(data)
    os.truncate(data / "hourglass.db", size)

    with pytest.raises(StartError, match=r"data_dir.*(is empty|damaged)"):
        await open_database(data)


async def test_without_any_of_its_files_an_empty_database_is_created_and_the_log_says_so(data, caplog):
    remove_log(data)
    (data / "hourglass.db").unlink()

    assert (await opened(data))[1:] == ([], 1)
    assert "is missing: a new database is made" in caplog.text


def moments_of(data, folder, found, monkeypatch):
    """Returns what a kill may leave of a start: after each statement, and after each write beside the database."""
    moments = []

    def leave(*_):
        moments.append(as_the_original(data, folder / f"moment {len(moments)}"))

    def write_and_leave(*values):
        write_beside(*values)
        leave()

    with closing(sqlite3.connect(data / "hourglass.db", isolation_level=None)) as connection:
        monkeypatch.setattr(mark, "write_beside", write_and_leave)
        connection.set_trace_callback(lambda _: leave() if moments else None)
        mark.take_over(connection, data / "hourglass.db", is_copy=found == "copy")
        leave()
        connection.set_trace_callback(None)
        monkeypatch.undo()
    assert len(moments) > 8
    return moments


@pytest.mark.parametrize("was_killed", [True, False])
async def test_a_start_that_is_interrupted_at_any_moment_is_completed_by_the_next(
    data, tmp_path, was_killed, monkeypatch
):
    if not was_killed:
        await opened(data)
    name = store_name(data)
    moments = moments_of(data, tmp_path, "own", monkeypatch)

    assert {(recognise(folder / "hourglass.db"), store_name(folder)) for folder in moments} == {("own", name)}
    assert (await opened(moments[-1]))[0].store == name


async def test_a_copy_whose_first_start_is_interrupted_at_any_moment_still_gets_a_new_name(data, tmp_path, monkeypatch):
    name = store_name(data)
    moments = moments_of(data, tmp_path, "copy", monkeypatch)

    seen = {(recognise(folder / "hourglass.db"), store_name(folder) == name) for folder in moments}
    assert seen == {("copy", True), ("own", False)}, "a copy until it has its new name"
    assert (await opened(moments[0]))[0].store != name


async def test_a_reader_beside_a_start_and_a_stop_changes_nothing(data):
    name = store_name(data)
    with closing(sqlite3.connect(data / "hourglass.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT store FROM head").fetchall()
        store = await open_sqlite(data)
        await create(store)
        await store.close()
        left = as_the_original(data, data.parent / "left while it reads")
        reader.execute("COMMIT")

    assert (await opened(left))[0].store == name
    assert (await opened(data))[0].store == name


async def test_a_database_counts_as_no_copy_after_checkpoints_by_other_programs(data):
    """Each may let the next commit begin the log anew."""
    name = store_name(data)
    store = await open_sqlite(data)
    with closing(sqlite3.connect(data / "hourglass.db", isolation_level=None)) as other:
        for number, kind in enumerate(["PASSIVE", "FULL", "RESTART", "TRUNCATE"] * 2):
            other.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
            await store.create([draft()])
            left = as_the_original(data, data.parent / f"left {number}")
            assert (await opened(left))[0].store == name
    await store.close()


# Commands, without a server.


def add_user(connection):
    connection.execute("INSERT INTO users VALUES ('ann', 'viewer', '', '', '', 1)")


def list_users(connection):
    return connection.execute("SELECT name FROM users").fetchall()


@pytest.mark.parametrize("operation", [add_user, list_users])
async def test_after_a_command_that_follows_a_kill_or_a_stop_the_database_is_the_same_one(data, operation):
    name = store_name(data)
    write_beside_server(data / "hourglass.db", operation)
    assert (await opened(data))[:2][1] == ALL

    write_beside_server(data / "hourglass.db", lambda connection: connection.execute("DELETE FROM users"))
    assert (await opened(data))[0].store == name


def test_a_command_refuses_what_a_start_refuses(left_behind, data):
    shutil.copyfile(left_behind / "backed up before a checkpoint", data / "hourglass.db")
    before = contents(data)

    with pytest.raises(StartError, match="do not belong together"):
        write_beside_server(data / "hourglass.db", add_user)
    assert contents(data).items() - {("server.lock", b"")} == before.items()


@pytest.mark.parametrize(("way", "moment"), BACKUPS)
async def test_a_command_does_not_hide_that_a_backup_was_restored(left_behind, data, way, moment):
    name = store_name(data)
    remove_log(data)
    shutil.copyfile(left_behind / f"{way} {moment}", data / "hourglass.db")
    write_beside_server(data / "hourglass.db", add_user)

    assert (await opened(data))[0].store != name


async def test_after_a_command_beside_a_server_the_database_is_the_same_one_although_its_log_begins_anew(data):
    name = store_name(data)
    with server_lock(data):
        store = await open_sqlite(data)
        with closing(sqlite3.connect(data / "hourglass.db", isolation_level=None)) as other:
            other.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        write_beside_server(data / "hourglass.db", add_user)
        left = as_the_original(data, data.parent / "left")
        await store.close()

    assert (await opened(left))[0].store == name


def test_a_start_waits_for_a_command_and_refuses_a_second_server(data):
    entered, started = [], ExitStack()
    with command_lock(data) as is_alone:
        assert is_alone
        start = threading.Thread(target=lambda: entered.append(started.enter_context(server_lock(data))))
        start.start()
        start.join(0.2)
        assert not entered
    start.join()

    with command_lock(data) as is_alone:
        assert not is_alone
    with pytest.raises(StartError, match=f"process {os.getpid()}"), server_lock(data):
        pass
    started.close()


# The log of an open database.


async def test_a_log_that_an_outside_reader_keeps_large_is_reported_with_its_size_and_shrinks_afterwards(tmp_path):
    database = await open_database(tmp_path)
    log = tmp_path / "hourglass.db-wal"

    async def look_after():
        await run_in_thread(database._writer, database._files.look_after)
        return database.problems

    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT store FROM head").fetchall()
        await database.write(lambda transaction: transaction.execute("CREATE TABLE large (data)"))
        await database.write(lambda transaction: transaction.execute("INSERT INTO large VALUES (randomblob(6000000))"))
        size = log.stat().st_size

        assert await look_after() == [], "it may be over at once"
        (problem,) = await look_after()
        assert f"hourglass.db-wal has grown to {round(size / 2**20)} MiB, because something has been reading" in problem
        assert database.write_problem is None
        reader.execute("COMMIT")

    assert await look_after() == []
    assert log.stat().st_size < 100_000
    await database.close()


async def test_a_server_reports_that_another_one_has_taken_over_its_database(tmp_path):
    database = await open_database(tmp_path)
    await run_in_thread(database._writer, database._files.look_after)
    other = await open_database(tmp_path)

    await run_in_thread(database._writer, database._files.look_after)
    assert "another server has taken over the database" in database.problems[0]
    with pytest.raises(StorageUnavailable, match="taken over"):
        await database.write(lambda transaction: transaction.execute("UPDATE head SET oldest = 0"))
    await other.close()
    await database.close()


async def test_a_key_that_is_removed_is_reported_until_it_is_back(tmp_path):
    database = await open_database(tmp_path)
    key = tmp_path / "secret.key"
    problems = []
    for change in (lambda: None, key.touch, key.unlink, key.touch):
        change()
        await run_in_thread(database._writer, database._files.look_after)
        problems.append([problem.partition(":")[0] for problem in database.problems])
    await database.close()

    assert problems == [[], [], ["secret.key was removed while the server was running"], []]
