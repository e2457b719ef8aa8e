"""Estimates the end of a task from its rounds, and notices a stall. Pure: the time is an argument, in milliseconds of
the steady clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from jobs.model.forecast import RECENT_ROUNDS, TREND_ROUNDS, mean_seconds

SHORTEST_STALL_MS = 30_000
STALL_FACTOR = 10


class Pace:
    """The progress of a running task: the last rounds of this run, and how far it is."""

    def __init__(self, started: int) -> None:
        self.expected_seconds: float = 0
        """How long the next round should take according to its job; 0 if it does not say."""
        self._seconds: deque[float] = deque(maxlen=RECENT_ROUNDS)
        self._seconds_a_number: deque[float] = deque(maxlen=TREND_ROUNDS)
        self._percents: deque[tuple[int, int]] = deque(maxlen=RECENT_ROUNDS)
        self._last = started
        self._round = 0
        self._rounds: int | None = None
        self._number = 0
        self._left: tuple[float, float] | None = None

    def begin(self, at: int) -> None:
        """Notes that the first round begins now: on another host that is later than the task was taken."""
        self._last = at

    def round_done(self, at: int, seconds: float, percent: int | None, number: int, of: int | None) -> None:
        """Adds a round. Rounds before their total was known say nothing about those to come, and are dropped."""
        if of is not None and self._rounds is None and self._round:
            self._seconds.clear()
            self._seconds_a_number.clear()
            self._percents.clear()
        self._add(number, seconds)
        if percent is not None:
            self._percents.append((at, percent))
        self._last = max(self._last, at)
        self._round = number
        self._rounds = of if of is not None else self._rounds

    def recall(self, rounds: Iterable[tuple[int, float]]) -> None:
        """Begins with the numbers and durations of earlier rounds, from before an interruption."""
        for number, seconds in rounds:
            self._number = self._number or number - 1
            self._add(number, seconds)

    def _add(self, number: int, seconds: float) -> None:
        """Adds a duration. A job may count by more than one: the duration is then shared by all the numbers passed."""
        passed = number - self._number
        self._number = number
        self._seconds.append(seconds)
        self._seconds_a_number.append(seconds / max(passed, 1))
        self._left = None

    @property
    def seconds(self) -> float | None:
        """Returns the median duration of the recent rounds; None before the first."""
        return round(median(self._seconds), 3) if self._seconds else None

    @property
    def stalls_at(self) -> int:
        """Returns when the task counts as stalled unless a round comes before."""
        seconds = max(self.seconds or 0, self.expected_seconds)
        return self._last + max(SHORTEST_STALL_MS, round(STALL_FACTOR * 1000 * seconds))

    def estimated(self, now: int) -> int | None:
        """Returns when the task should end; None while that is unknown."""
        if now >= self.stalls_at:
            return None
        if self._rounds is not None and self._round:
            return self._end_by_rounds(now, self._rounds)
        return self._end_by_percent(now)

    def _end_by_rounds(self, now: int, rounds: int) -> int:
        """Assumes that the round under way ends when its time is up, now at the earliest, and the others follow."""
        left = max(rounds - self._round, 0)
        if not left:
            return max(self._last, now)
        next_ms, others_ms = self._milliseconds_left(left)
        return round(max(self._last + next_ms, now) + others_ms)

    def _milliseconds_left(self, rounds_left: int) -> tuple[float, float]:
        """Returns how long the next round should take, and all that follow it. Computed once a round."""
        if self._left is None:
            durations = list(self._seconds_a_number)
            all_ms = 1000 * rounds_left * mean_seconds(durations, rounds_left)
            next_ms = min(1000 * mean_seconds(durations, 1), all_ms)
            self._left = next_ms, all_ms - next_ms
        return self._left

    def _end_by_percent(self, now: int) -> int | None:
        if len(self._percents) < 2:
            return None
        (first_at, first), (last_at, last) = self._percents[0], self._percents[-1]
        if last <= first or last_at <= first_at:
            return None
        return max(now, round(last_at + (100 - last) * (last_at - first_at) / (last - first)))
