"""Everything in one SQLite file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs.store import UNBOUNDED, RoundBounds
from storage.sqlite.accounts import SqliteAccounts
from storage.sqlite.creations import SqlitePoolCreations
from storage.sqlite.database import Database
from storage.sqlite.images import SqliteImageResults
from storage.sqlite.opening import open_database
from storage.sqlite.store import SqliteStore
from storage.stores import Stores


async def open_stores(
    data_dir: Path, bounds: RoundBounds = UNBOUNDED, read_seconds: float | None = None
) -> SqliteStores:
    """Opens `hourglass.db` in the directory; creates and migrates it if needed.

    Of a task's rounds the newest that `bounds` allow are retained. A client's read takes at most `read_seconds`; None
    means no limit. Raises StartError if the directory or the file cannot be used, or a newer version made the file.
    """
    database = await open_database(data_dir)
    return SqliteStores(
        tasks=SqliteStore(database, bounds, read_seconds),
        accounts=SqliteAccounts(database),
        image_results=SqliteImageResults(database, read_seconds),
        pool_creations=SqlitePoolCreations(database),
        health=database,
        database=database,
    )


@dataclass(frozen=True)
class SqliteStores(Stores):
    """The stores on one Database."""

    database: Database

    def end_reads(self, seconds: float) -> None:
        self.database.end_reads(seconds)

    async def close(self) -> None:
        await self.database.close()
