"""What ends with a sign-in ends at that moment: by a change, by age, and when it is over already."""

from __future__ import annotations

import asyncio

from accounts.accounts import Accounts
from accounts.expiry import SignInExpiry
from storage import sqlite
from tests.support.accounts import Clock


class House:
    """Accounts with the user ann, and what lasts as long as her sign-ins."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = Clock()

    async def __aenter__(self):
        self.stores = await sqlite.open_stores(self.folder)
        await self.stores.accounts.add_user("ann", "viewer", "x", 0)
        self.accounts = Accounts(self.stores.accounts, self.folder, self.clock)
        await self.accounts.load()
        self.expiry = SignInExpiry(self.accounts, self.clock)
        return self

    async def __aexit__(self, *_):
        self.expiry.close()
        await self.stores.close()

    async def session(self, seconds):
        return self.accounts.by_session(await self.accounts.open_session("ann", seconds))

    def lasting(self, identity):
        """Set when it is ended."""
        ended = asyncio.Event()
        ended.handle = self.expiry.add(identity, ended.set)
        return ended


async def test_a_session_that_is_closed_ends_what_lasts_as_long_and_nothing_else(tmp_path):
    async with House(tmp_path) as house:
        first, second = await house.session(3600), await house.session(3600)
        ends, stays, removed = house.lasting(first), house.lasting(second), house.lasting(first)
        house.expiry.remove(removed.handle)
        await house.accounts.close_sessions([first])

        assert [one.is_set() for one in (ends, stays, removed)] == [True, False, False]


async def test_each_session_ends_at_its_own_time(tmp_path):
    async with House(tmp_path) as house:
        late, early = await house.session(3600), await house.session(0.05)
        stays, ends = house.lasting(late), house.lasting(early)
        house.clock.advance(0.05)
        await ends.wait()

        assert not stays.is_set()


async def test_a_time_that_a_change_brought_forward_counts(tmp_path):
    async with House(tmp_path) as house:
        ends = house.lasting(await house.session(3600))
        shorter = house.clock() + 50
        await house.stores.database.write(lambda it: it.execute("UPDATE sessions SET expires = ?", (shorter,)))
        await house.accounts.reload()
        assert not ends.is_set()
        house.clock.advance(0.05)
        await ends.wait()


async def test_what_is_over_already_ends_at_once(tmp_path):
    async with House(tmp_path) as house:
        identity = await house.session(3600)
        await house.accounts.close_sessions([identity])
        ends = house.lasting(identity)
        assert not ends.is_set()
        await ends.wait()
