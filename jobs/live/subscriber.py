"""A client of the feed: how far it has read, which tasks it watches, and how often it may be sent a frame."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from msgspec.structs import replace

from jobs.model.task import Changes, RoundsCursor

BURST_FRAMES = 5
FRAME_SECONDS = 0.05
LARGEST_WATCH_LIST = 100
FARTHEST_ROUND = 2**53


class Pacer:
    """Limits a client's rate: bursts of five frames, then one every 50 ms. Pure: the time is an argument, in seconds.

    Allowances come at ticks that all clients share, so that those who wait get the same frame.
    """

    def __init__(self) -> None:
        self._left = BURST_FRAMES
        self._tick = 0

    def may_send(self, now: float) -> bool:
        """Returns whether a frame may be sent now."""
        ticks = math.floor(now / FRAME_SECONDS) - self._tick
        if self._left < BURST_FRAMES and ticks > 0:
            self._left = min(BURST_FRAMES, self._left + ticks)
            self._tick += ticks
        return self._left > 0

    def sent(self, now: float) -> None:
        """Counts a frame."""
        if self._left == BURST_FRAMES:
            self._tick = math.ceil(now / FRAME_SECONDS)
        self._left -= 1

    def next_tick(self) -> float:
        """Returns when the next allowance comes."""
        return (self._tick + 1) * FRAME_SECONDS


class Connection(Protocol):
    """What the feed needs of a client's connection."""

    def send(self, frame: bytes) -> asyncio.Future[None]:
        """Sends a packed text frame. The future is done when the connection can take another one, and raises if it is
        closed."""

    def close(self, code: int, reason: str) -> None:
        """Closes with a WebSocket code."""


class Subscriber:
    """A client. While a frame is on its way to it (`sending`), nothing is stored for it but its revision."""

    def __init__(self, connection: Connection, revision: int) -> None:
        self.connection = connection
        self.revision = revision
        self.watches: dict[int, RoundsCursor] = {}
        self.unread: set[int] = set()
        self.pacer = Pacer()
        self.sending = False
        self.first: bytes | None = None
        self.needs_resync = False
        self.needs_stopping = False

    def watch(self, task_id: int, after: int) -> None:
        """Adds the rounds of this task after number `after` to its frames. Raises ValueError beyond the limit."""
        if task_id not in self.watches and len(self.watches) >= LARGEST_WATCH_LIST:
            raise ValueError(f"at most {LARGEST_WATCH_LIST} tasks can be watched at once")
        self.watches[task_id] = RoundsCursor(task=task_id, after=after, began=self.revision)
        self.unread.add(task_id)

    def unwatch(self, task_id: int) -> None:
        """Leaves the rounds of this task out of its frames again."""
        self.watches.pop(task_id, None)
        self.unread.discard(task_id)

    def has_news(self, revision: int, with_rounds: bool = True) -> bool:
        """Returns whether there is anything that it has not been sent."""
        special = self.first is not None or self.needs_resync or self.needs_stopping
        return special or self.revision < revision or (with_rounds and bool(self.unread))

    def unread_watches(self) -> tuple[RoundsCursor, ...]:
        """Returns how far it has read the tasks whose rounds it lacks; equal for all clients that lack the same."""
        return tuple(_position(self.watches[task_id]) for task_id in sorted(self.unread))

    def advance(self, before: RoundsCursor, after: RoundsCursor, has_more: bool) -> None:
        """Notes that it has got rounds, unless it began to watch them again meanwhile."""
        watch = self.watches.get(before.task)
        if watch is None or _position(watch) != before:
            return
        self.watches[before.task] = after
        if not has_more:
            self.unread.discard(before.task)


def _position(watch: RoundsCursor) -> RoundsCursor:
    """Returns the cursor without where it began, once it is beyond that: clients that are equally far are equal."""
    is_beyond = (watch.revision, watch.number) >= (watch.began, FARTHEST_ROUND)
    return replace(watch, after=0, began=0) if is_beyond else watch


def by_watches(
    group: Iterable[Subscriber], changes: Changes, with_rounds: bool
) -> Iterable[tuple[tuple[RoundsCursor, ...], list[Subscriber]]]:
    """Groups clients that lack the same rounds: of tasks that changed, or that they have just begun to watch. Without
    rounds all are in one group, and what they lack stays unread."""
    changed = {task.id for task in changes.tasks}
    found: dict[tuple[RoundsCursor, ...], list[Subscriber]] = defaultdict(list)
    for subscriber in group:
        subscriber.unread |= changed & subscriber.watches.keys()
        found[subscriber.unread_watches() if with_rounds else ()].append(subscriber)
    return found.items()
