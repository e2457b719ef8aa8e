from __future__ import annotations

import pytest

from tests.support.stores import OPENERS


@pytest.fixture
def run(io_loop):
    """Runs coroutines one after another in the loop that coroutine tests have."""

    def run_to_its_end(coroutine):
        return io_loop.run_sync(lambda: coroutine, timeout=60)

    yield run_to_its_end
    run_to_its_end(io_loop.asyncio_loop.shutdown_default_executor())


@pytest.fixture(params=OPENERS)
def store(request, run, tmp_path):
    """Each store in turn."""
    opened = run(OPENERS[request.param](tmp_path))
    yield opened
    run(opened.close())
