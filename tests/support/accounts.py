"""What commands do to accounts, beside a server or without one, and a clock for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from storage.sqlite.accounts import accounts_beside_server


class Clock:
    """A clock that the test sets."""

    def __init__(self):
        self.now = 1_700_000_000_000

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += round(seconds * 1000)


def do_beside_server(folder, method, **arguments):
    """Calls a method of the accounts in that directory as a command does."""
    return run_in_own_loop(getattr(accounts_beside_server(folder), method)(**arguments))


def run_in_own_loop(coroutine):
    """Returns what the coroutine does, even if a loop is running in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
