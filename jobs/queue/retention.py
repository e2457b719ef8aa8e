"""Removes what is older than config.ini allows: a little at a time, so that no write waits for long."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Protocol

from msgspec import Meta

from jobs.clock import DAY_MS, MINUTE_MS, wall_clock
from jobs.errors import StorageUnavailable
from jobs.model.task import Status
from jobs.queue.retention_pause import RetentionPause
from jobs.store import KEYS_LAST_MS, SearchableStore

log = logging.getLogger("hourglass.retention")

MINUTES_KEPT = 120
LONGEST_SLEEP_SECONDS = 3600.0
LONGEST_SLEEP_PAUSED_SECONDS = 600.0
SHORTEST_SLEEP_SECONDS = 1.0
TASKS_AT_ONCE = 50
ROWS_AT_ONCE = 1000
FINISHED = (Status.FINISHED,)
FAILED = (Status.EXCEPTION, Status.ABORTED)


Days = Annotated[float, Meta(ge=0, le=36_500)]


@dataclass(frozen=True)
class RetentionSettings:
    """For how many days ended tasks and changes are stored, and how many rounds of a task; 0 is forever, or all."""

    finished_days: Days = 90
    failed_days: Days = 365
    changes_days: Days = 30
    rounds_per_task: Annotated[int, Meta(ge=0, le=2**53)] = 100_000
    rounds_mb_per_task: Annotated[int, Meta(ge=0, le=2**32)] = 256

    @property
    def longest_days(self) -> float:
        """Returns for how many days any ended task is stored; 0 if some are stored forever."""
        return max(self.finished_days, self.failed_days) if self.finished_days and self.failed_days else 0

    @property
    def tasks(self) -> list[tuple[Sequence[Status], float]]:
        """Returns the statuses of ended tasks that are not stored forever, with their days."""
        return [(group, days) for group, days in ((FINISHED, self.finished_days), (FAILED, self.failed_days)) if days]


class ResultStore(Protocol):
    """Stores what outlives its tasks."""

    async def forget(self, before: int, limit: int) -> int:
        """Removes at most `limit` results older than a time; returns how many."""


class Retention:
    """Looks every hour, or earlier if a task is due."""

    def __init__(
        self,
        store: SearchableStore,
        results: ResultStore,
        settings: RetentionSettings,
        pause: RetentionPause,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._store = store
        self._results = results
        self._settings = settings
        self._pause = pause
        self._was_paused = False
        self._clock = clock

    async def run(self) -> None:
        """Removes what is due until it is cancelled."""
        sleep_seconds = SHORTEST_SLEEP_SECONDS
        while True:
            try:
                if not await self._is_paused():
                    await self.forget()
                sleep_seconds = await self._seconds_to_next()
            except StorageUnavailable as error:
                log.warning("nothing old can be removed at the moment: %s", error)
                sleep_seconds = min(2 * sleep_seconds, LONGEST_SLEEP_SECONDS)
            except Exception:
                log.critical("a defect in retention", exc_info=True)
                sleep_seconds = LONGEST_SLEEP_SECONDS
            await asyncio.sleep(sleep_seconds)

    async def _is_paused(self) -> bool:
        """Returns whether nothing is removed at the moment; stores for how long, for the next start."""
        left_ms = self._pause.left_ms()
        if left_ms or self._was_paused:
            await self._store.store_pause(left_ms)
        if left_ms and not self._was_paused:
            log.warning("%s", self._pause.reason)
        self._was_paused = left_ms > 0
        return self._was_paused

    async def forget(self) -> None:
        """Removes all that is due. Raises StorageUnavailable."""
        now = self._clock()
        store = self._store
        for statuses, days in self._settings.tasks:
            before = now - round(days * DAY_MS)
            removed = await _all(partial(store.remove_due, statuses, before, now, TASKS_AT_ONCE))
            if removed:
                log.info("removed %d tasks that had ended more than %g days ago", removed, days)
        if self._settings.changes_days:
            await _all(partial(store.forget_changes, now - round(self._settings.changes_days * DAY_MS), ROWS_AT_ONCE))
        if self._settings.longest_days:
            before = now - round(self._settings.longest_days * DAY_MS)
            await _all(partial(self._results.forget, before, ROWS_AT_ONCE))
        await _all(partial(store.tidy, ROWS_AT_ONCE))
        await _all(partial(store.forget_keys, now - KEYS_LAST_MS, ROWS_AT_ONCE))
        await store.forget_minutes(now // MINUTE_MS - MINUTES_KEPT)

    async def _seconds_to_next(self) -> float:
        """Returns the time until the next ended task is due: at most an hour, or what a task is stored at all."""
        left_ms = self._pause.left_ms()
        if left_ms:
            return min(left_ms / 1000 + SHORTEST_SLEEP_SECONDS, LONGEST_SLEEP_PAUSED_SECONDS)
        seconds = LONGEST_SLEEP_SECONDS
        for statuses, days in self._settings.tasks:
            first = await self._store.first_due(statuses)
            due = (self._clock() if first is None else first) + days * DAY_MS
            seconds = min(seconds, (due - self._clock()) / 1000)
        return max(seconds, SHORTEST_SLEEP_SECONDS)


async def _all(step: Callable[[], Awaitable[int]]) -> int:
    """Repeats a short step until it finds nothing more. Pauses as long as each step took, so that other writes come in
    between."""
    total = 0
    while True:
        began = time.perf_counter()
        done = await step()
        if not done:
            return total
        total += done
        await asyncio.sleep(time.perf_counter() - began)
