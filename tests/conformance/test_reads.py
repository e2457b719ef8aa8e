"""Reads that take too long, or that nobody awaits any more, are interrupted and hold up no others."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from jobs.errors import ReadTooLong, ServiceStopping, StorageUnavailable
from storage.sqlite.opening import open_database

ENDLESS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number) SELECT {} FROM number"


@pytest.fixture
def database(io_loop, tmp_path):
    opened = io_loop.run_sync(lambda: open_database(tmp_path))
    yield opened
    io_loop.run_sync(opened.close)


def counting_for_ever(reader):
    return reader.execute(ENDLESS.format("count(*)")).fetchone()


def splitting_for_ever(reader):
    return reader.execute(ENDLESS.format("sum(has_words('some words', 'none of them'))")).fetchone()


def quickly(reader):
    return reader.execute("SELECT 1").fetchone()


@pytest.mark.parametrize("read", [counting_for_ever, splitting_for_ever])
async def test_a_read_is_interrupted_when_its_time_is_over_and_the_next_one_runs(database, read):
    with pytest.raises(ReadTooLong, match=r"read_seconds = 0\.05"):
        await database.read_list(read, 0.05)

    assert await database.read_list(quickly, 60) == (1,)


async def test_the_time_in_which_a_read_waits_for_its_turn_counts(database):
    first = asyncio.create_task(database.read_list(counting_for_ever))
    await asyncio.sleep(0)
    with pytest.raises(ReadTooLong):
        await database.read_list(quickly, 0.05)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first


@pytest.mark.parametrize("kind", ["read", "read_list"])
async def test_a_read_is_interrupted_when_its_caller_is_cancelled_and_those_that_still_wait_never_begin(database, kind):
    begun = []

    def begin(reader):
        begun.append(reader)

    read = getattr(database, kind)
    tasks = [asyncio.create_task(read(one)) for one in (counting_for_ever, begin, begin)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert await read(quickly) == (1,)
    assert begun == []


async def test_a_stop_cuts_reads_for_clients_short_and_no_others(database):
    inner = asyncio.create_task(database.read(quickly))
    client = asyncio.create_task(database.read_list(counting_for_ever, 3600))
    await asyncio.sleep(0)
    database.end_reads(0.05)
    with pytest.raises(ServiceStopping):
        await client
    with pytest.raises(ServiceStopping):
        await database.read_list(counting_for_ever, 3600)

    assert await inner == await database.read_list(quickly) == (1,)


async def test_a_read_that_fails_by_itself_raises_its_own_error(database):
    with pytest.raises(StorageUnavailable, match="no such table"):
        await database.read_list(lambda reader: reader.execute("SELECT 1 FROM no_such_table"), 60)
