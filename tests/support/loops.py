"""A loop for what has to be awaited outside of a coroutine."""

from __future__ import annotations

import asyncio


class OwnLoop:
    """A loop apart from that of a test: for each example of Hypothesis, or for what several tests share."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()

    def __call__(self, coroutine):
        """Runs a coroutine to its end."""
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, 60))

    def close(self):
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
