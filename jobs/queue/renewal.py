"""Rewrites what an earlier version stored in another form: a little at a time, beside everything else."""

from __future__ import annotations

import asyncio
import logging
import time

from concurrency.backoff import Backoff
from jobs.errors import StorageUnavailable
from jobs.store import SearchableStore

log = logging.getLogger("hourglass.renewal")

TASKS_AT_ONCE = 200
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


async def renew(store: SearchableStore) -> None:
    """Works until everything has the form of this version, or it is cancelled; the next start continues."""
    backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
    while True:
        try:
            await _renew_words(store)
            return
        except StorageUnavailable as error:
            log.warning("the search words of older tasks cannot be renewed at the moment: %s", error)
            pause = backoff.next_seconds()
        except Exception:
            log.critical("a defect in the renewal of search words", exc_info=True)
            pause = LONGEST_PAUSE_SECONDS
        await asyncio.sleep(pause)


async def _renew_words(store: SearchableStore) -> None:
    """Pauses as long as each step took, so that other writes come in between."""
    began = time.monotonic()
    steps = 0
    step_began = time.perf_counter()
    while await store.renew_words(TASKS_AT_ONCE):
        steps += 1
        await asyncio.sleep(time.perf_counter() - step_began)
        step_began = time.perf_counter()
    if steps > 1:
        log.info("the search words of all tasks were renewed in %.0f s", time.monotonic() - began)
