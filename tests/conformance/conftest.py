from __future__ import annotations

import asyncio

import pytest

from tests.support.stores import OPENERS


class Loop:
    """Runs coroutines one after another in a loop of the test's own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()

    def __call__(self, coroutine):
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, 60))


@pytest.fixture
def run():
    loop = Loop()
    yield loop
    loop.loop.run_until_complete(loop.loop.shutdown_default_executor())
    loop.loop.close()


@pytest.fixture(params=OPENERS)
def store(request, run, tmp_path):
    """Each store in turn."""
    opened = run(OPENERS[request.param](tmp_path))
    yield opened
    run(opened.close())
