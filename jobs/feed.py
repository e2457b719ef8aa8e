"""From commits to subscribers: everybody gets every change once and in order, and nobody can make the server grow.

A subscriber has one slot: while a frame is on its way to it, nothing is kept for it but its revision. When it can
take another one, it gets what was committed since then, merged, from the store. Subscribers at the same revision
share one read and one encoding.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from jobs.errors import HourglassError
from jobs.model import Changes, Head, Task, Watch
from jobs.views import (
    ChangesFrame,
    Derived,
    HelloFrame,
    ResyncFrame,
    RoundView,
    StoppingFrame,
    changes_frame,
    encode,
    round_view,
    task_view,
    with_rounds,
)
from storage import TaskStore

log = logging.getLogger("hourglass.feed")

BURST_FRAMES = 5
FRAME_SECONDS = 0.05
REVISIONS_A_FRAME = 1000
ROUNDS_A_FRAME = 1000
LARGEST_ROUNDS_CHARACTERS = 2 * 1024 * 1024
LARGEST_WATCH_LIST = 100
RETRY_SECONDS = 1.0
GOODBYE_SECONDS = 2.0


class Pacer:
    """A client's rate: bursts of five frames, then one each 50 ms. Pure: the time is an argument, in seconds.

    Allowances come at ticks that all clients share, so that those who wait get the same frame.
    """

    def __init__(self) -> None:
        self._left = BURST_FRAMES
        self._tick = 0

    def may_send(self, now: float) -> bool:
        self._refill(now)
        return self._left > 0

    def sent(self, now: float) -> None:
        if self._left == BURST_FRAMES:
            self._tick = math.ceil(now / FRAME_SECONDS)
        self._left -= 1

    def next_tick(self) -> float:
        """When the next allowance comes."""
        return (self._tick + 1) * FRAME_SECONDS

    def _refill(self, now: float) -> None:
        ticks = math.floor(now / FRAME_SECONDS) - self._tick
        if self._left < BURST_FRAMES and ticks > 0:
            self._left = min(BURST_FRAMES, self._left + ticks)
            self._tick += ticks


class Connection(Protocol):
    """What the feed asks of a client's connection."""

    def send(self, frame: bytes) -> asyncio.Future[None]:
        """Sends a text frame. Ready when the connection can take another one; raises where it is closed."""

    def close(self, code: int, reason: str) -> None:
        """Closes with a WebSocket code."""


class Subscriber:
    """A client: how far it has got, what it watches, and whether its slot is free."""

    def __init__(self, connection: Connection, revision: int) -> None:
        self.connection = connection
        self.revision = revision
        self.watches: dict[int, Watch] = {}
        self.unread: set[int] = set()
        self.pacer = Pacer()
        self.sending = False
        self.first: bytes | None = None
        self.needs_resync = False
        self.needs_stopping = False

    def watch(self, task_id: int, after: int) -> None:
        """From now on frames bear the rounds of this task after number `after`. Raises ValueError beyond the limit."""
        if task_id not in self.watches and len(self.watches) >= LARGEST_WATCH_LIST:
            raise ValueError(f"at most {LARGEST_WATCH_LIST} tasks can be watched at once")
        self.watches[task_id] = Watch(task=task_id, after=after, began=self.revision)
        self.unread.add(task_id)

    def unwatch(self, task_id: int) -> None:
        """Frames bear its rounds no longer."""
        self.watches.pop(task_id, None)
        self.unread.discard(task_id)

    def has_news(self, revision: int) -> bool:
        """Whether there is something that it has not been sent."""
        special = self.first is not None or self.needs_resync or self.needs_stopping
        return special or self.revision < revision or bool(self.unread)


class Feed:
    """Carries what is committed to all subscribers, and wakes those who wait for it."""

    def __init__(self, store: TaskStore, derived: Callable[[Task], Derived], version: str) -> None:
        self._store = store
        self._derived = derived
        self._version = version
        self._revision = 0
        self._subscribers: set[Subscriber] = set()
        self._news = asyncio.Event()
        self._tick: asyncio.Handle | None = None
        self._tick_at = 0.0
        self._pump: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._waiting_for_end: dict[int, set[asyncio.Future[None]]] = defaultdict(set)
        self._stopping = False
        self._progress = asyncio.Event()

    async def start(self) -> None:
        """Begins to carry. Raises StorageUnavailable."""
        self._revision = (await self._store.head()).revision
        self._store.on_commit = self._committed
        self._pump = asyncio.create_task(self._carry())

    def announce_stop(self) -> None:
        """Tells everybody that the server stops, and answers everybody who waits. Changes go on being carried."""
        self._stopping = True
        for subscriber in self._subscribers:
            subscriber.needs_stopping = True
        for future in [*self._waiting, *(one for group in self._waiting_for_end.values() for one in group)]:
            _wake(future)
        self._news.set()

    async def stop(self) -> None:
        """Carries the last changes and closes with 1001. A client that does not read is not waited for."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_told(), GOODBYE_SECONDS)
        if self._pump is not None:
            self._pump.cancel()
        if self._tick is not None:
            self._tick.cancel()
        for subscriber in list(self._subscribers):
            subscriber.connection.close(1001, "the server stops")

    async def _all_told(self) -> None:
        while any(one.sending or one.has_news(self._revision) for one in self._subscribers):
            self._progress.clear()
            await self._progress.wait()

    # Subscribers.

    async def subscribe(self, connection: Connection, since: int | None) -> Subscriber:
        """Lets a client in at `since`, or at the present. Its first frame is `hello`, or `resync` follows it where
        `since` is not known any more."""
        head = await self._store.head()
        known = since is None or head.oldest <= since <= head.revision
        revision = since if since is not None and known else head.revision
        subscriber = Subscriber(connection, revision)
        subscriber.first = encode(self._hello(head, revision))
        subscriber.needs_resync = not known
        subscriber.needs_stopping = self._stopping
        self._subscribers.add(subscriber)
        self._news.set()
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The client has gone."""
        self._subscribers.discard(subscriber)
        self._progress.set()

    def watch(self, subscriber: Subscriber, task_id: int, after: int) -> None:
        """See Subscriber.watch; what there is already comes with the next frame."""
        subscriber.watch(task_id, after)
        self._news.set()

    # Those who wait for an answer.

    async def changes(self, since: int) -> ChangesFrame | ResyncFrame:
        """What was committed after `since`, or where to go on if that is not known. Raises StorageUnavailable."""
        changes = await self._store.changes(since, REVISIONS_A_FRAME)
        if changes is None:
            return ResyncFrame((await self._store.head()).revision)
        return self._frame(changes)

    async def wait_beyond(self, revision: int, seconds: float) -> None:
        """Returns when something was committed after `revision`, when the time is up, or when the server stops."""
        if revision == self._revision and not self._stopping:
            await _wait(self._waiting, seconds)

    async def wait_for_end(self, task_id: int, seconds: float) -> Task:
        """The task when it is final, or when the time is up, or when the server stops. Raises NoSuchTask."""
        futures = self._waiting_for_end[task_id]
        future = asyncio.get_running_loop().create_future()
        futures.add(future)
        try:
            task = await self._store.task(task_id)
            if task.is_final or self._stopping:
                return task
            await asyncio.wait([future], timeout=seconds)
            return await self._store.task(task_id)
        finally:
            futures.discard(future)
            if not futures:
                self._waiting_for_end.pop(task_id, None)

    def task_is_final(self, task_id: int) -> None:
        """Wakes those who wait for this task."""
        for future in self._waiting_for_end.get(task_id, ()):
            _wake(future)

    # Carrying.

    def _committed(self, revision: int) -> None:
        self._revision = revision
        self._news.set()
        for future in self._waiting:
            _wake(future)

    async def _carry(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._send_round()
            except HourglassError as error:
                self._try_again_later(error)
            except Exception as error:  # one frame that cannot be made must not silence all others
                log.critical("a defect in the feed", exc_info=error)
                self._try_again_later(error)

    def _try_again_later(self, error: Exception) -> None:
        log.warning("changes cannot be sent: %s", error)
        self._wake_at(asyncio.get_running_loop().time() + RETRY_SECONDS)

    async def _send_round(self) -> None:
        """One frame to everybody who can take one and has something to get."""
        ready = [subscriber for subscriber in self._subscribers if self._is_ready(subscriber)]
        groups: dict[int, list[Subscriber]] = defaultdict(list)
        for subscriber in ready:
            if not self._send_special(subscriber):
                groups[subscriber.revision].append(subscriber)
        for since, group in groups.items():
            await self._send_changes(since, group)

    def _is_ready(self, subscriber: Subscriber) -> bool:
        if subscriber.sending or not subscriber.has_news(self._revision):
            return False
        may_send = subscriber.pacer.may_send(asyncio.get_running_loop().time())
        if not may_send:
            self._wake_at(subscriber.pacer.next_tick())
        return may_send

    async def _send_changes(self, since: int, group: list[Subscriber]) -> None:
        changes = await self._store.changes(since, REVISIONS_A_FRAME)
        if changes is None:
            for subscriber in group:
                subscriber.needs_resync = True
            self._news.set()
            return
        frame = encode(self._frame(changes))
        for subscriber in group:
            rounds = await self._watched_rounds(subscriber, changes) if subscriber.watches else {}
            subscriber.revision = changes.revision
            self._send(subscriber, with_rounds(frame, rounds) if rounds else frame)

    def _send_special(self, subscriber: Subscriber) -> bool:
        """`hello`, `resync` or `stopping`, where one of them is due."""
        if subscriber.first is not None:
            frame, subscriber.first = subscriber.first, None
        elif subscriber.needs_resync:
            subscriber.needs_resync = False
            subscriber.revision = self._revision
            frame = encode(ResyncFrame(self._revision))
        elif subscriber.needs_stopping:
            subscriber.needs_stopping = False
            frame = encode(StoppingFrame())
        else:
            return False
        self._send(subscriber, frame)
        return True

    def _send(self, subscriber: Subscriber, frame: bytes) -> None:
        subscriber.pacer.sent(asyncio.get_running_loop().time())
        subscriber.sending = True
        subscriber.connection.send(frame).add_done_callback(lambda future: self._sent(subscriber, future))

    def _sent(self, subscriber: Subscriber, future: asyncio.Future[None]) -> None:
        subscriber.sending = False
        if future.cancelled() or future.exception() is not None:
            self.unsubscribe(subscriber)
        elif subscriber.has_news(self._revision):
            self._news.set()
        self._progress.set()

    def _wake_at(self, when: float) -> None:
        if self._tick is not None and self._tick_at <= when:
            return
        if self._tick is not None:
            self._tick.cancel()
        self._tick_at = when
        self._tick = asyncio.get_running_loop().call_at(when, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self._news.set()

    # Frames.

    def _hello(self, head: Head, revision: int) -> HelloFrame:
        return HelloFrame(
            store=head.store,
            revision=revision,
            counts=head.counts,
            pending_percent=head.pending_percent,
            version=self._version,
        )

    def _frame(self, changes: Changes) -> ChangesFrame:
        return changes_frame(changes, [task_view(task, self._derived(task)) for task in changes.tasks])

    async def _watched_rounds(self, subscriber: Subscriber, changes: Changes) -> dict[int, list[RoundView]]:
        """The rounds that this client has not had: of tasks that changed, or that it began to watch just now."""
        changed = {task.id for task in changes.tasks} | subscriber.unread
        room, found = LARGEST_ROUNDS_CHARACTERS, {}
        for task_id in sorted(changed & subscriber.watches.keys()):
            rounds, room = await self._next_rounds(subscriber, subscriber.watches[task_id], changes.revision, room)
            if rounds:
                found[task_id] = rounds
        return found

    async def _next_rounds(
        self, subscriber: Subscriber, watch: Watch, up_to: int, room: int
    ) -> tuple[list[RoundView], int]:
        """Its next rounds as far as there is room in the frame; the rest is unread still."""
        subscriber.unread.add(watch.task)
        if room <= 0:
            return [], room
        rounds = await self._store.watched_rounds(watch, up_to, ROUNDS_A_FRAME)
        taken = []
        for done in rounds:
            if room <= 0:
                break
            taken.append(done)
            room -= len(done.output or "") + len(done.message) + 100
        if taken:
            last = taken[-1]
            watch = replace(watch, revision=last.revision, number=last.number)
        if subscriber.watches.get(watch.task) is not None:
            subscriber.watches[watch.task] = watch
        if len(taken) == len(rounds) < ROUNDS_A_FRAME:
            subscriber.unread.discard(watch.task)
        return [round_view(done) for done in taken], room


async def _wait(group: set[asyncio.Future[None]], seconds: float) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    group.add(future)
    try:
        await asyncio.wait([future], timeout=seconds)
    finally:
        group.discard(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
