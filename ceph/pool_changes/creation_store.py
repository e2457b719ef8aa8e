"""The contract of every store of pools whose creation has begun: a request outlives the server until it is answered."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from jobs.store import RequestKey


class PoolCreation(Struct, frozen=True, kw_only=True):
    """What somebody asked for, and how far it has come.

    `newest_pool` is the highest id of a pool before, 0 if there was none, `at` is in milliseconds since 1970. `pool` is
    the id of the pool that resulted from it, `task` that of the task that follows it. An empty `application` is none.
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
        """Returns the Idempotency-Key of the request, if it had one."""
        if self.request_path is None or self.request_key is None or self.request_body_hash is None:
            return None
        return RequestKey(
            user=self.user, path=self.request_path, key=self.request_key, body_hash=self.request_body_hash, at=self.at
        )


class PoolCreationStore(Protocol):
    """Stores the creations that have begun, one for each name in a cluster. All methods raise StorageUnavailable."""

    async def store(self, creation: PoolCreation) -> None:
        """Stores a creation; it replaces the one of that name."""

    async def forget(self, creation: PoolCreation) -> None:
        """Removes a creation, unless another one has replaced it."""

    async def all(self) -> list[PoolCreation]:
        """Returns all creations that have begun."""
