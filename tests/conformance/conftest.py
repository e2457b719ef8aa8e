from __future__ import annotations

import pytest

from tests.support.stores import OPENERS


@pytest.fixture(params=OPENERS)
def store(request, io_loop, tmp_path):
    """Each store in turn."""
    opened = io_loop.run_sync(lambda: OPENERS[request.param](tmp_path))
    yield opened
    io_loop.run_sync(opened.close)
