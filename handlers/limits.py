"""What clients may cost: the one place that every way in passes. What is over a limit is refused and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class RefusedTally:
    """Counts what was refused since the start, by reason; reasons are fixed words, so their number is bounded."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, reason: str) -> None:
        """Counts one refusal."""
        self.counts[reason] += 1


class LimitReached(Exception):
    """Raised when no place is free; its text says which limit, in a sentence for the client."""


class Places:
    """A bounded number of places, in all and for each user: open WebSockets, waiting calls."""

    def __init__(self, what: str, most: int, most_a_user: int, reason: str, refused: RefusedTally) -> None:
        """`what` names those who take places, in the plural; `reason` is what a refusal is counted as."""
        self._what = what
        self._most = most
        self._most_a_user = most_a_user
        self._reason = reason
        self._refused = refused
        self._taken: defaultdict[str, int] = defaultdict(int)
        self._count = 0

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._count

    def take(self, user: str) -> None:
        """Takes a place, which `leave` gives back. Raises LimitReached."""
        if self._count >= self._most:
            self._refuse(f"At most {self._most} {self._what} can be open at a time; try again later.")
        if self._taken[user] >= self._most_a_user:
            self._refuse(f"One user can have at most {self._most_a_user} {self._what} open at a time.")
        self._count += 1
        self._taken[user] += 1

    def leave(self, user: str) -> None:
        """Gives a place back."""
        self._count -= 1
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]

    @contextmanager
    def taken_by(self, user: str) -> Iterator[None]:
        """Holds a place for the length of a block. Raises LimitReached."""
        self.take(user)
        try:
            yield
        finally:
            self.leave(user)

    def _refuse(self, sentence: str) -> None:
        self._refused.add(self._reason)
        raise LimitReached(sentence)
