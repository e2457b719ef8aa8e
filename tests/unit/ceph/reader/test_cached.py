"""What the server keeps of a cluster: who reads, who waits, and what is newer."""

from __future__ import annotations

import asyncio

import pytest

from ceph.errors import ClusterUnavailable
from ceph.reader import cached
from ceph.reader.cached import CachedReading


class Source:
    """Answers when a test says so, and with what."""

    def __init__(self):
        self.asked = []

    async def read(self):
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


def kept(lasts_seconds=60):
    source = Source()
    return source, CachedReading(source.read, lasts_seconds)


async def begun(awaitable):
    task = asyncio.create_task(awaitable)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_what_became_known_while_something_older_was_read_stays():
    source, state = kept()
    reading = await begun(state.get())
    state.know("with the new pool")
    source.asked[0].set_result("without it")

    assert (await reading).value == "with the new pool"
    assert state.last.value == "with the new pool"


async def test_who_takes_what_was_last_read_gets_it_while_the_cluster_is_silent(monkeypatch):
    monkeypatch.setattr(cached, "MOMENT_SECONDS", 0.01)
    source, state = kept(lasts_seconds=0)
    state.know("old")
    assert (await state.get_or_last()).value == "old"

    source.asked[0].set_result("new")
    assert (await state.get()).value == "new"
    assert len(source.asked) == 1, "nobody asks a second time while the first question is open"


async def test_who_takes_what_was_last_read_gets_it_when_the_cluster_refuses():
    source, state = kept(lasts_seconds=0)
    state.know("old")
    taking = await begun(state.get_or_last())
    source.asked[0].set_exception(ClusterUnavailable("no mon answered"))

    assert (await taking).value == "old"
    assert str(state.error) == "no mon answered"


async def test_where_nothing_was_ever_read_the_failure_is_told():
    source, state = kept()
    taking = await begun(state.get_or_last())
    source.asked[0].set_exception(ClusterUnavailable("no mon answered"))

    with pytest.raises(ClusterUnavailable):
        await taking
