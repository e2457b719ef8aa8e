"""The contract of every store of results of RBD images: the newest of each image, long after its task is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

Place = tuple[str, str, str]
"""Where an image is: its pool, its namespace (mostly empty) and its name."""


class ImageResult(Struct, frozen=True, kw_only=True):
    """What a task found of an image.

    `at` is when the task ended, in milliseconds since 1970. `figures` is the image's part of the task's result without
    its sizes; `sparkline` its reads and writes together, per second, over the time of the task: at most 60 points, null
    where the cluster did not report any.
    """

    pool: str
    namespace: str = ""
    image: str
    task: int
    at: int
    size_bytes: int
    used_bytes: int
    figures: Mapping[str, Any]
    sparkline: Sequence[float | None]

    @property
    def place(self) -> Place:
        return self.pool, self.namespace, self.image


class Unread(Struct, frozen=True, kw_only=True):
    """What a task could not read: it may exist nevertheless, so what older tasks found of it is retained."""

    pools: Sequence[str] = ()
    images: Sequence[Place] = ()


NOTHING_UNREAD = Unread()


class ImageResultStore(Protocol):
    """Stores the newest result of each image, by cluster. All methods raise StorageUnavailable."""

    async def store(
        self,
        fsid: str,
        results: Sequence[ImageResult],
        whole_pools: Sequence[str] | None = (),
        unread: Unread = NOTHING_UNREAD,
    ) -> None:
        """Stores what one task found, in one transaction; what a newer task found of an image stays.

        `whole_pools` are the pools of which it read all images, None means all pools: an image in them that it did not
        find is gone, and so is what older tasks found of it, unless it is `unread`.
        """

    async def newest(self, fsid: str) -> dict[Place, ImageResult]:
        """Returns the newest result of each image by its place, in the order of pool, namespace and name."""

    async def last_at(self) -> int | None:
        """Returns when the last task ended whose results are stored, in milliseconds since 1970."""

    async def forget(self, before: int, limit: int) -> int:
        """Removes the first `limit` results of tasks that ended before a time; returns how many."""
