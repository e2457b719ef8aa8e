from __future__ import annotations

import asyncio

import pytest
from tornado.ioloop import IOLoop

from tests.support.service import close_events


@pytest.fixture
def io_loop():
    """In place of pytest-tornado's own, which makes its loop the current one in a way that tornado warns of."""
    loop = IOLoop(make_current=False)
    asyncio.set_event_loop(loop.asyncio_loop)
    yield loop
    loop.run_sync(close_events)
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)
