"""What commands do to accounts, beside a server or without one, and a clock for them."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from argon2 import PasswordHasher

import server
import streams
from accounts import passwords
from storage.sqlite.accounts import accounts_beside_server

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
    complains of. As a program of its own it takes half a second, most of it to import and to hash."""
    with ThreadPoolExecutor(1) as thread:  # in this one a loop may be running, and the command has one of its own
        return thread.submit(_user_command, words, given).result()


def _user_command(words, given):
    with (
        mock.patch.object(passwords, "_HASHER", CHEAP_HASHER),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given))),
        _written_to(streams.STANDARD_OUTPUT) as said,
        _written_to(streams.STANDARD_ERROR) as complained,
    ):
        code = server.main(["user", *words])
        return code, said.read_text(), complained.read_text()


@contextmanager
def _written_to(descriptor: int) -> Iterator[Path]:
    """What is written to a descriptor meanwhile, as a file."""
    usual, instead = os.dup(descriptor), os.memfd_create("written")
    os.dup2(instead, descriptor)
    try:
        yield Path(f"/proc/self/fd/{instead}")
    finally:
        os.dup2(usual, descriptor)
        os.close(usual)
        os.close(instead)
