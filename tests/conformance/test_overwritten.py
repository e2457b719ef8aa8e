"""An SQLite file that is overwritten while it is open: the first call that stumbles over it says so."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from jobs.errors import StorageUnavailable
from storage.sqlite.opening import open_database


@pytest.fixture
def database(io_loop, tmp_path):
    database = io_loop.run_sync(lambda: open_database(tmp_path))
    yield database
    io_loop.run_sync(database.close)


def overwrite(path):
    with closing(sqlite3.connect(path / "other", isolation_level=None)) as other:
        other.execute("CREATE TABLE others (id)")
    shutil.copyfile(path / "other", path / "hourglass.db")


def stumble(connection):
    connection.execute("SELECT * FROM a_table_of_another_database")


@pytest.mark.parametrize("call", ["write", "read", "read_list", "search"])
async def test_an_error_of_sqlite_names_the_overwritten_file_if_there_is_one(database, tmp_path, call):
    with pytest.raises(StorageUnavailable, match="no such table"):
        await getattr(database, call)(stumble)

    overwrite(tmp_path)
    with pytest.raises(StorageUnavailable, match=r"hourglass\.db was overwritten while the server runs"):
        await getattr(database, call)(stumble)
    with pytest.raises(StorageUnavailable, match=r"cannot be read: hourglass\.db was overwritten"):
        await database.read(list)
