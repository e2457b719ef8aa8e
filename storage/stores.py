"""Everything that one database stores, as its users see it: by the protocols of those to whom it belongs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from accounts.store import AccountStore
from ceph.images.result_store import ImageResultStore
from ceph.pool_changes.creation_store import PoolCreationStore
from jobs.store import SearchableStore, StoreHealth


@dataclass(frozen=True)
class Stores(ABC):
    """The stores on one database, opened together."""

    tasks: SearchableStore
    accounts: AccountStore
    image_results: ImageResultStore
    pool_creations: PoolCreationStore
    health: StoreHealth

    @abstractmethod
    def end_reads(self, seconds: float) -> None:
        """Gives the reads of clients no more than so many seconds together from now on, since the server stops."""

    @abstractmethod
    async def close(self) -> None:
        """Commits what waits, then closes. Does nothing if called again."""
