"""The newest result of each RBD image, in SQLite: see ceph/images/result_store.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from ceph.images.result_store import NOTHING_UNREAD, ImageResult, Place, Unread
from storage.sqlite.database import Database
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Transaction

_encode = msgspec.json.Encoder().encode


class SqliteImageResults:
    """The ImageResultStore on a Database. A client's read takes at most `read_seconds`; None means no limit."""

    def __init__(self, database: Database, read_seconds: float | None = None) -> None:
        self._database = database
        self._read_seconds = read_seconds

    async def store(
        self,
        fsid: str,
        results: Sequence[ImageResult],
        whole_pools: Sequence[str] | None = (),
        unread: Unread = NOTHING_UNREAD,
    ) -> None:
        await self._database.write(partial(_store, fsid, results, whole_pools, unread))

    async def newest(self, fsid: str) -> dict[Place, ImageResult]:
        return await self._database.read_list(partial(_newest, fsid), self._read_seconds)

    async def last_at(self) -> int | None:
        row = await self._database.read_list(lambda reader: reader.execute(SQL["last_image_result"]).fetchone())
        return None if row is None else row[0]

    async def forget(self, before: int, limit: int) -> int:
        values = {"before": before, "limit": limit}
        return await self._database.write(
            lambda transaction: transaction.execute(SQL["forget_image_results"], values).rowcount
        )


def _store(
    fsid: str,
    results: Sequence[ImageResult],
    whole_pools: Sequence[str] | None,
    unread: Unread,
    transaction: Transaction,
) -> None:
    for result in results:
        transaction.execute(SQL["store_image_result"], _row_of(fsid, result))
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


def _newest(fsid: str, reader: sqlite3.Connection) -> dict[Place, ImageResult]:
    results = map(_result_of, reader.execute(SQL["image_results"], {"fsid": fsid}))
    return {result.place: result for result in results}


def _result_of(row: Sequence[Any]) -> ImageResult:
    values = dict(zip(ImageResult.__struct_fields__, row, strict=True))
    for name in ("figures", "sparkline"):
        values[name] = msgspec.json.decode(values[name])
    return ImageResult(**values)
