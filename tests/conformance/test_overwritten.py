"""An SQLite file that is overwritten while it is open: the first call that fails by it says so, and no checkpoint is
mistaken for it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from jobs.errors import StorageUnavailable
from storage.sqlite import mark
from storage.sqlite.opening import open_database


@pytest.fixture
def database(io_loop, tmp_path):
    database = io_loop.run_sync(lambda: open_database(tmp_path))
    yield database
    io_loop.run_sync(database.close)


@pytest.fixture
def other(tmp_path, database):
    """A connection from outside the server."""
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as other:
        yield other


def overwrite(path):
    with closing(sqlite3.connect(path / "other", isolation_level=None)) as other:
        other.execute("CREATE TABLE others (id)")
    shutil.copyfile(path / "other", path / "hourglass.db")


def fail(connection):
    connection.execute("SELECT * FROM a_table_of_another_database")


def write(*statements):
    """Returns an operation that runs these statements."""
    return lambda transaction: [transaction.execute(statement) for statement in statements]


MORE = "UPDATE head SET revision = revision + 1"


def checkpoint(connection, kind):
    return tuple(connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchone())


@pytest.mark.parametrize("call", ["write", "read", "read_list", "search"])
async def test_an_error_of_sqlite_names_the_overwritten_file_if_there_is_one(database, tmp_path, call):
    with pytest.raises(StorageUnavailable, match="no such table"):
        await getattr(database, call)(fail)

    overwrite(tmp_path)
    with pytest.raises(StorageUnavailable, match=r"hourglass\.db was overwritten while the server was running"):
        await getattr(database, call)(fail)
    with pytest.raises(StorageUnavailable, match=r"cannot be read: hourglass\.db was overwritten"):
        await database.read(list)


async def test_a_file_with_only_a_part_of_its_log_is_not_mistaken_for_another(database, other, tmp_path):
    """The pages of such a file do not fit together. SQLite alone, with the log, can read it."""
    await database.write(write("CREATE TABLE more (data)"))
    other.execute("BEGIN")
    other.execute("SELECT * FROM more").fetchall()
    await database.write(write("INSERT INTO more VALUES (1)"))
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as third:
        _, frames, checkpointed = checkpoint(third, "PASSIVE")
    assert 0 < checkpointed < frames
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        mark.read_file(tmp_path / "hourglass.db")

    await database.write(write(MORE))
    assert database.problems == []
    other.execute("COMMIT")
    await database.write(write(MORE))

    overwrite(tmp_path)
    with pytest.raises(StorageUnavailable, match="overwritten"):
        await database.write(write(MORE))


async def test_a_log_that_another_process_begins_anew_is_not_mistaken_for_an_overwritten_file(database, other):
    for _ in range(3):
        await database.write(write(MORE))
        other.execute(MORE)
        busy, frames, checkpointed = checkpoint(other, "PASSIVE")
        assert (busy, checkpointed) == (0, frames)
        other.execute(MORE)
    await database.write(write(MORE))
    assert database.problems == []


async def test_a_start_is_not_prevented_by_a_file_with_only_a_part_of_its_log(tmp_path):
    database = await open_database(tmp_path)
    await database.write(write("CREATE TABLE more (data)"))
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM more").fetchall()
        await database.write(write("INSERT INTO more VALUES (1)"))
        await database.close()
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            mark.read_file(tmp_path / "hourglass.db")

        database = await open_database(tmp_path)
        await database.write(write(MORE))
        assert database.problems == []
    await database.write(write(MORE))
    await database.close()
