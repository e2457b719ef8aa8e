"""What commands do to accounts, beside a server or without one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from storage.sqlite.accounts import accounts_beside_server


def do_beside_server(folder, method, **arguments):
    """Calls a method of the accounts in that directory as a command does."""
    return run_in_own_loop(getattr(accounts_beside_server(folder), method)(**arguments))


def run_in_own_loop(coroutine):
    """Returns what the coroutine does, even if a loop is running in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
