"""Decides whose password is checked next, in fair turns between networks. Pure: the time is an argument, in ms."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from accounts.lockout import MOST_REMEMBERED, WINDOW_MS
from jobs.errors import TooManyAttempts

Item = TypeVar("Item")
Value = TypeVar("Value")


class Line(Generic[Item]):
    """Waiting items by network. The networks take turns, so that a crowd from one delays nobody from another."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def join(self, network: str, item: Item) -> Item | None:
        """Adds one at the end of its network's line; if all places are taken, returns the one that it displaces.

        Raises TooManyAttempts if there is no place: the networks with the most waiting items give way.
        """
        own = self._waiting.get(network, ())
        if len(own) >= self._most_of_one:
            raise TooManyAttempts(1)
        displaced = self._displaced(len(own)) if self._count >= self._most else None
        self._waiting.setdefault(network, deque()).append(item)
        self._count += 1
        return displaced

    def next(self, is_over: Callable[[Item], bool]) -> Item | None:
        """Removes and returns the item whose turn it is. Items that are over are dropped and take no turn."""
        while self._waiting:
            network, waiting = self._waiting.popitem(last=False)
            while waiting:
                item = waiting.popleft()
                self._count -= 1
                if not is_over(item):
                    if waiting:
                        self._waiting[network] = waiting
                    return item
        return None

    def _displaced(self, own_count: int) -> Item:
        longest = max(self._waiting.values(), key=len)
        if len(longest) <= own_count + 1:
            raise TooManyAttempts(1)
        self._count -= 1
        return longest.pop()


class Lines(Generic[Item]):
    """Three lines that take turns: for networks that have sent a right password, for those that sent a wrong one within
    a minute, and for all others.

    So a crowd of guessers, however many addresses it has, delays people with right passwords by a few turns only.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._known, self._bad, self._others = (Line[Item](most, most_of_one) for _ in range(3))
        self._turns = deque([self._known, self._others, self._bad])
        self._right: OrderedDict[str, None] = OrderedDict()
        self._wrong_at: OrderedDict[str, int] = OrderedDict()

    def right(self, network: str) -> None:
        """Remembers a right password."""
        _remember(self._right, network, None)

    def wrong(self, network: str, now: int) -> None:
        """Remembers a wrong password."""
        _remember(self._wrong_at, network, now)

    def join(self, network: str, item: Item, now: int) -> Item | None:
        """Joins, as Line.join does. Raises TooManyAttempts."""
        return self._line_of(network, now).join(network, item)

    def next(self, is_over: Callable[[Item], bool]) -> Item | None:
        """Returns the next one, as Line.next does."""
        for line in list(self._turns):
            self._turns.rotate(-1)
            item = line.next(is_over)
            if item is not None:
                return item
        return None

    def _line_of(self, network: str, now: int) -> Line[Item]:
        if now - self._wrong_at.get(network, now - WINDOW_MS) < WINDOW_MS:
            return self._bad
        return self._known if network in self._right else self._others


def _remember(table: OrderedDict[str, Value], network: str, value: Value) -> None:
    table[network] = value
    table.move_to_end(network)
    if len(table) > MOST_REMEMBERED:
        table.popitem(last=False)
