"""Forgets what is older than config.ini says it is to be kept."""

from __future__ import annotations

import asyncio
import logging

from jobs.errors import StorageUnavailable
from jobs.queue import wall_clock
from storage import TaskStore

log = logging.getLogger("hourglass.retention")

DAY_MS = 86_400_000
LOOK_EACH_SECONDS = 3600.0


async def keep_forgetting(store: TaskStore, changes_days: int) -> None:
    """Each hour, removes transitions and tombstones older than so many days; 0 keeps them for ever."""
    while changes_days:
        try:
            forgotten = await store.forget_changes(wall_clock() - changes_days * DAY_MS)
            log.debug("forgot %d changes", forgotten)
        except StorageUnavailable as error:
            log.warning("old changes are kept for now: %s", error)
        await asyncio.sleep(LOOK_EACH_SECONDS)
