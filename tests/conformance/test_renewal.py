"""The search words of a database of the previous version are rebuilt, and meanwhile every search finds every task."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from jobs.model import lifecycle
from jobs.store import ListQuery
from storage.sqlite import listing
from storage.sqlite.opening import open_database
from storage.sqlite.store import SqliteStore
from tests.support.made import create
from tests.support.older import make_older

DESCRIPTIONS = ["pool rbd", "Pool data", "每日备份任务", "İstanbul yedeği", "apple pie", "备份", "pool of हिन्दी"]
POOLS = [1, 2, 7]


class Opened:
    """The store on a database of the previous version, which can be opened again."""

    def __init__(self, directory):
        self.directory = directory

    async def open(self):
        self.database = await open_database(self.directory)
        self.store = SqliteStore(self.database)

    async def close(self):
        await self.database.close()

    async def found(self, search):
        page = await self.store.list_tasks(ListQuery(search=search, ordering="id"))
        assert page.count == min(len(page.tasks), listing.COUNT_LIMIT)
        assert [one for one, _ in (await self.store.matching(ListQuery(search=search), 100)).ids] == [
            task.id for task in page.tasks
        ]
        return [task.id for task in page.tasks]

    def tables(self):
        with closing(sqlite3.connect(self.directory / "hourglass.db")) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}

    async def renew(self, limit):
        return await self.store.renew_words(limit)


@pytest.fixture(params=[1, 10_000])
def older(request, io_loop, tmp_path, monkeypatch):
    """Whatever number of tasks is few: they are looked through in order, or found by their words."""
    monkeypatch.setattr(listing, "COUNT_LIMIT", request.param)
    make_older(tmp_path, DESCRIPTIONS)
    opened = Opened(tmp_path)
    io_loop.run_sync(opened.open)
    yield opened
    io_loop.run_sync(opened.close)


async def test_every_search_finds_what_it_found_before_while_words_are_rebuilt(older):
    steps = 0
    while await older.renew(2):
        steps += 1
        assert await older.found("pool") == POOLS
        assert await older.found("POO dat") == [2]
        assert await older.found("每日备份") == [3]
        assert await older.found("İstanbul") == [4]
        assert await older.found("हिन्दी") == [7]
        assert await older.found("हि द") == []
        assert await older.found("nothing") == []
        await older.close()
        await older.open()

    assert steps >= 5
    assert not {"former_words", "former_words_data"} & older.tables()
    assert (await older.found("备份"), await older.found("istanbul"), await older.found("हिन्दी")) == ([3, 6], [4], [7])


async def test_tasks_that_are_created_or_removed_meanwhile_are_found_or_gone(older):
    number = 0
    while await older.renew(1):
        number += 1
        if number <= len(DESCRIPTIONS):
            await older.store.change(number, lifecycle.deleted("ann", 9000, None, False))
        new = await create(older.store, description=f"swimming pool {number}")
        assert new.id in await older.found("swimming pool")
        assert await older.found(f"swimming {number}") == [new.id]
        assert await older.found("pool rbd") == []
        await older.store.change(new.id, lifecycle.aborted("ann", 9000), lifecycle.deleted("ann", 9000, None, False))
        assert await older.found("swimming") == []

    assert number >= len(DESCRIPTIONS)
    assert await older.found("pool") == await older.found("备份") == []


async def test_there_is_nothing_to_do_a_second_time(older):
    while await older.renew(100):
        pass

    await older.close()
    await older.open()
    assert await older.renew(100) == 0
