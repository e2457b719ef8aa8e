"""How long to wait before something is tried again."""

from __future__ import annotations


class Backoff:
    """Delays that double from the first to the longest, until a success resets them."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._next_seconds = first_seconds

    def next_seconds(self) -> float:
        """Returns how long to wait now; the next delay is twice as long."""
        seconds = self._next_seconds
        self._next_seconds = min(2 * seconds, self._longest_seconds)
        return seconds

    def reset(self) -> None:
        """Begins with the first delay again."""
        self._next_seconds = self._first_seconds
