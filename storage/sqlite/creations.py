"""Pools whose creation has begun, in SQLite: see ceph/pool_changes/creation_store.py."""

from __future__ import annotations

from msgspec.structs import asdict

from ceph.pool_changes.creation_store import PoolCreation
from storage.sqlite.database import Database
from storage.sqlite.statements import SQL


class SqlitePoolCreations:
    """The PoolCreationStore on a Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, creation: PoolCreation) -> None:
        await self._database.write(
            lambda transaction: transaction.execute(SQL["store_pool_creation"], asdict(creation)).rowcount
        )

    async def forget(self, creation: PoolCreation) -> None:
        values = {"fsid": creation.fsid, "name": creation.name, "at": creation.at}
        await self._database.write(
            lambda transaction: transaction.execute(SQL["forget_pool_creation"], values).rowcount
        )

    async def all(self) -> list[PoolCreation]:
        rows = await self._database.read_list(lambda reader: reader.execute(SQL["pool_creations"]).fetchall())
        return [PoolCreation(**dict(zip(PoolCreation.__struct_fields__, row, strict=True))) for row in rows]
