"""Pools whose creation has begun, until whoever asked for it has the answer: they outlive the server."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict

from jobs.store import RequestKey
from storage.sqlite.database import Database
from storage.sqlite.statements import SQL


class PoolCreation(Struct, frozen=True, kw_only=True):
    """What somebody asked for, and how far it has come.

    `newest_pool` is the highest id of a pool before, 0 if there was none, `at` is in milliseconds since 1970. `pool` is
    the id of the pool that came of it, `task` that of the task that follows it. An empty `application` is none.
    """

    fsid: str
    name: str
    pg_num: int
    application: str
    newest_pool: int
    at: int
    user: str
    request_path: str | None = None
    request_key: str | None = None
    request_body_hash: str | None = None
    pool: int | None = None
    task: int | None = None

    @property
    def key(self) -> RequestKey | None:
        """What the request was to be known by."""
        if self.request_path is None or self.request_key is None or self.request_body_hash is None:
            return None
        return RequestKey(
            user=self.user, path=self.request_path, key=self.request_key, body_hash=self.request_body_hash, at=self.at
        )


class PoolCreationStore:
    """The creations that have begun, one for each name in a cluster. All methods raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, creation: PoolCreation) -> None:
        """Keeps a creation, in place of the one of that name."""
        await self._database.write(
            lambda transaction: transaction.execute(SQL["keep_pool_creation"], asdict(creation)).rowcount
        )

    async def forget(self, creation: PoolCreation) -> None:
        values = {"fsid": creation.fsid, "name": creation.name, "at": creation.at}
        await self._database.write(
            lambda transaction: transaction.execute(SQL["forget_pool_creation"], values).rowcount
        )

    async def all(self) -> list[PoolCreation]:
        rows = await self._database.read_list(lambda reader: reader.execute(SQL["pool_creations"]).fetchall())
        return [PoolCreation(**dict(zip(PoolCreation.__struct_fields__, row, strict=True))) for row in rows]
