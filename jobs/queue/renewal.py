"""Makes anew what an earlier version has stored in another form: a little at a time, beside all else."""

from __future__ import annotations

import asyncio
import logging
import time

from jobs.errors import StorageUnavailable
from jobs.store import SearchableStore

log = logging.getLogger("hourglass.renewal")

TASKS_AT_ONCE = 200
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


async def renew(store: SearchableStore) -> None:
    """Works until everything has the form of this version, or it is cancelled; the next start goes on."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await _renew_words(store)
            return
        except StorageUnavailable as error:
            log.warning("the words of older tasks stay as they are for now: %s", error)
        except Exception:
            log.critical("a defect in what renews", exc_info=True)
            pause = LONGEST_PAUSE_SECONDS
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _renew_words(store: SearchableStore) -> None:
    """It rests as long as it works, so that writes of others come between."""
    began = time.monotonic()
    steps = 0
    step_began = time.perf_counter()
    while await store.renew_words(TASKS_AT_ONCE):
        steps += 1
        await asyncio.sleep(time.perf_counter() - step_began)
        step_began = time.perf_counter()
    if steps > 1:
        log.info("the words of all tasks were made anew for the search, in %.0f s", time.monotonic() - began)
