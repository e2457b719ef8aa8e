"""What is known of RBD images from the tasks that got their performance data, when those are long gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from storage.sqlite.database import Database, Transaction
from storage.sqlite.statements import SQL

_encode = msgspec.json.Encoder().encode


Place = tuple[str, str, str]
"""Where an image is: its pool, its namespace (mostly empty) and its name."""


class ImageResult(Struct, frozen=True, kw_only=True):
    """What a task found of an image.

    `at` is when the task ended, in milliseconds since 1970. `figures` is the image's part of the task's result without
    its sizes; `sparkline` its reads and writes together, per second, over the time of the task: at most 60 points, null
    where the cluster did not tell.
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
    """What a task could not read: it may be there all the same, so what older tasks found of it stays."""

    pools: Sequence[str] = ()
    images: Sequence[Place] = ()


NOTHING_UNREAD = Unread()


class ImageResultStore:
    """The newest result of each image, by cluster. All methods raise StorageUnavailable.

    A client's read takes at most `read_seconds`, None is as long as it likes.
    """

    def __init__(self, database: Database, read_seconds: float | None = None) -> None:
        self._database = database
        self._read_seconds = read_seconds

    async def keep(
        self,
        fsid: str,
        results: Sequence[ImageResult],
        whole_pools: Sequence[str] | None = (),
        unread: Unread = NOTHING_UNREAD,
    ) -> None:
        """Keeps what one task found; what a newer one found of an image stays.

        `whole_pools` are those of which it looked for all images, None is all pools: images of theirs that it did not
        find are gone, and so is what older tasks found of them, except for what is `unread`.
        """
        await self._database.write(partial(_keep, fsid, results, whole_pools, unread))

    async def kept(self, fsid: str) -> dict[Place, ImageResult]:
        """By place, in the order of pool, namespace and name."""
        return await self._database.read_list(partial(_kept, fsid), self._read_seconds)

    async def last_at(self) -> int | None:
        """When the last task ended whose results are kept, in milliseconds since 1970."""
        row = await self._database.read_list(lambda reader: reader.execute(SQL["last_image_result"]).fetchone())
        return None if row is None else row[0]

    async def forget(self, before: int, limit: int) -> int:
        """Removes the first `limit` results of tasks that ended before a time; returns how many."""
        values = {"before": before, "limit": limit}
        return await self._database.write(
            lambda transaction: transaction.execute(SQL["forget_image_results"], values).rowcount
        )


def _keep(
    fsid: str,
    results: Sequence[ImageResult],
    whole_pools: Sequence[str] | None,
    unread: Unread,
    transaction: Transaction,
) -> None:
    for result in results:
        transaction.execute(SQL["keep_image_result"], _row_of(fsid, result))
    if results:
        _delete_older(fsid, results[0], whole_pools, unread, transaction)


def _delete_older(
    fsid: str, newest: ImageResult, whole_pools: Sequence[str] | None, unread: Unread, transaction: Transaction
) -> None:
    values = {
        "fsid": fsid,
        "at": newest.at,
        "task": newest.task,
        "unread_pools": _encode(unread.pools).decode(),
        "unread_images": _encode(unread.images).decode(),
    }
    if whole_pools is None:
        transaction.execute(SQL["delete_older_results_of_cluster"], values)
    for pool in whole_pools or ():
        transaction.execute(SQL["delete_older_results_of_pool"], {**values, "pool": pool})


def _row_of(fsid: str, result: ImageResult) -> dict[str, object]:
    texts = {"figures": _encode(result.figures).decode(), "sparkline": _encode(result.sparkline).decode()}
    return {"fsid": fsid, **msgspec.structs.asdict(result), **texts}


def _kept(fsid: str, reader: sqlite3.Connection) -> dict[Place, ImageResult]:
    results = map(_result_of, reader.execute(SQL["image_results"], {"fsid": fsid}))
    return {result.place: result for result in results}


def _result_of(row: Sequence[Any]) -> ImageResult:
    values = dict(zip(ImageResult.__struct_fields__, row, strict=True))
    for name in ("figures", "sparkline"):
        values[name] = msgspec.json.decode(values[name])
    return ImageResult(**values)
