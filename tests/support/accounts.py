"""What commands do to accounts, beside a server or without one, and a clock for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from argon2 import PasswordHasher

from accounts import passwords
from storage.sqlite.accounts import accounts_beside_server
from tests.support.commands import run_command

CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""A hash as the service makes them costs 64 MiB and a sixth of a second."""


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


def user_command(*words, given=b""):
    """Runs `server.py user …` in this process, with hashes that cost nothing: its exit code, and what it says and
    complains of."""
    with mock.patch.object(passwords, "_HASHER", CHEAP_HASHER):
        return run_command("user", *words, given=given)
