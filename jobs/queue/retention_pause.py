"""Pauses retention while the clock cannot be trusted: by a wrong clock everything might be old."""

from __future__ import annotations

from collections.abc import Callable

from jobs.clock import DAY_MS, HOUR_MS, steady_clock, wall_clock


class RetentionPause:
    """Nothing is removed for its age while the pause lasts.

    It begins if the clock is more than a day ahead of the expected time: at the start that is the newest change in the
    database, and from then on as much later as time has passed. It ends after 24 hours of running, or when the
    clock has been set right. `left_ms` is what an earlier run of the server had left of it.
    """

    def __init__(
        self,
        newest_change: int | None,
        left_ms: int = 0,
        clock: Callable[[], int] = wall_clock,
        steady: Callable[[], int] = steady_clock,
    ) -> None:
        self._clock = clock
        self._steady = steady
        now = clock()
        self._expected = now if newest_change is None else newest_change
        self._expected_at = steady()
        self._ends: int | None = steady() + left_ms if left_ms else None
        self._was_carried_over = left_ms > 0

    def left_ms(self) -> int:
        """Returns how long it still lasts; 0 if there is none."""
        steady = self._steady()
        ahead_ms = self._ahead_ms()
        if ahead_ms < 0 and not self._was_carried_over:
            self._believe_the_clock()
        if ahead_ms <= DAY_MS and not self._was_carried_over:
            self._ends = None
            return 0
        if self._ends is None:
            self._ends = steady + DAY_MS
        if steady < self._ends:
            return self._ends - steady
        self._believe_the_clock()
        return 0

    @property
    def ends(self) -> int | None:
        """Returns when it ends, by the clock as it is set; None if there is none."""
        left_ms = self.left_ms()
        return self._clock() + left_ms if left_ms else None

    @property
    def reason(self) -> str | None:
        """Returns why nothing is removed, in a sentence; None if there is no pause."""
        left_ms = self.left_ms()
        if not left_ms:
            return None
        ahead_ms = self._ahead_ms()
        days = max(0, ahead_ms // DAY_MS)
        why = "the clock was more than a day ahead of the last change"
        if days:
            why = f"the clock is {'a day' if days == 1 else f'{days} days'} ahead of the last change"
        hours = -(-left_ms // HOUR_MS)
        return (
            f"Retention is paused until the server has run for another {hours} {'hour' if hours == 1 else 'hours'}, "
            f"because {why}: correct the clock if it is wrong."
        )

    def _ahead_ms(self) -> int:
        return self._clock() - (self._expected + self._steady() - self._expected_at)

    def _believe_the_clock(self) -> None:
        self._expected, self._expected_at = self._clock(), self._steady()
        self._ends = None
        self._was_carried_over = False
