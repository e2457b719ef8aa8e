"""From commits to subscribers: everybody gets every change once and in order, and nobody can make the server grow.

A subscriber has one slot: while a frame is on its way to it, nothing is kept for it but its revision. When it can
take another one, it gets what was committed since then, merged, from the store. Subscribers at the same revision
share one read, one encoding and the same bytes, also with the rounds that they watch.

Frames that have not left are bounded in sum. Beyond that frames are small and without rounds, until some have left;
whoever has held a large one for long then, and others wait for the room, is told to come again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Protocol

from msgspec.structs import replace

from concurrency.sharing import Sharing, Text
from jobs.clock import iso_time, wall_clock
from jobs.errors import HourglassError, NoSuchTask
from jobs.live.views import (
    AliveFrame,
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
from jobs.model.answer_size import LARGEST_FRAME_BYTES
from jobs.model.task import Changes, Head, Task, Watch
from jobs.store import TaskStore

log = logging.getLogger("hourglass.feed")

BURST_FRAMES = 5
FRAME_SECONDS = 0.05
REVISIONS_A_FRAME = 1000
ROUNDS_A_FRAME = 1000
MOST_UNREAD_BYTES = 32 * 1024 * 1024
SMALL_FRAME_BYTES = 16 * 1024
STUCK_SECONDS = 10.0
"""How long a client may hold a large frame that others wait for."""
LARGEST_WATCH_LIST = 100
ROOM_FOR_ROUNDS_BYTES = 3 * 1024 * 1024
"""A frame with rounds ends with the round that reaches this: with the largest, of 1 MiB, it has 4 MiB."""
QUIET_SECONDS = 25.0
WOKEN_AT_ONCE = 10
"""So many answers at a time, and then whatever else has come in between."""
RETRY_SECONDS = 1.0
GOODBYE_SECONDS = 2.0
TRY_AGAIN_LATER = 1013
FARTHEST_ROUND = 2**53


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
        """Sends a text frame as it was packed. Ready when the connection can take another one; raises where it is
        closed."""

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

    def has_news(self, revision: int, with_rounds: bool = True) -> bool:
        """Whether there is something that it has not been sent."""
        special = self.first is not None or self.needs_resync or self.needs_stopping
        return special or self.revision < revision or (with_rounds and bool(self.unread))

    def unread_watches(self) -> tuple[Watch, ...]:
        """Of which rounds it lacks what; equal for all clients that lack the same."""
        return tuple(_position(self.watches[task_id]) for task_id in sorted(self.unread))

    def advance(self, before: Watch, after: Watch, has_more: bool) -> None:
        """It has got rounds, unless it has begun to watch them anew meanwhile."""
        watch = self.watches.get(before.task)
        if watch is None or _position(watch) != before:
            return
        self.watches[before.task] = after
        if not has_more:
            self.unread.discard(before.task)


def _position(watch: Watch) -> Watch:
    """Behind where it began, it makes no difference any more where that was: two who are equally far are equal."""
    is_behind = (watch.revision, watch.number) >= (watch.began, FARTHEST_ROUND)
    return replace(watch, after=0, began=0) if is_behind else watch


class Frame:
    """A frame on its way to clients: its bytes are there once, and count once, until the last has taken it."""

    def __init__(self, data: bytes, began: float) -> None:
        self.data = data
        self.began = began
        self.readers: set[Subscriber] = set()
        self.is_cut = False


class Unread:
    """All frames on their way, and how much they are together."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.frames: set[Frame] = set()
        self.bytes = 0
        self.on_change: Callable[[int], None] = lambda by: None

    @property
    def is_full(self) -> bool:
        return self.bytes >= self._most_bytes

    @property
    def is_full_for_long(self) -> bool:
        """Whether it is full even when those have left who have been told to go."""
        going = sum(len(frame.data) for frame in self.frames if frame.is_cut)
        return self.bytes - going >= self._most_bytes

    def add(self, frame: Frame) -> None:
        self.frames.add(frame)
        self._change(len(frame.data))

    def left(self, frame: Frame, subscriber: Subscriber) -> None:
        """A client has taken it, or has gone."""
        frame.readers.discard(subscriber)
        if not frame.readers and frame in self.frames:
            self.frames.remove(frame)
            self._change(-len(frame.data))

    def _change(self, by: int) -> None:
        self.bytes += by
        self.on_change(by)

    def stuck(self, now: float) -> tuple[Frame | None, float | None]:
        """The large frame for which the most bytes a client are held, of those that have not left for long; and when
        the next one will be such a frame."""
        large = [frame for frame in self.frames if len(frame.data) > SMALL_FRAME_BYTES and not frame.is_cut]
        old = [frame for frame in large if frame.began + STUCK_SECONDS <= now]
        worst = max(old, key=lambda frame: len(frame.data) / len(frame.readers), default=None)
        return worst, min((frame.began + STUCK_SECONDS for frame in large), default=None)


class Feed:
    """Carries what is committed to all subscribers, and wakes those who wait for it."""

    def __init__(
        self,
        store: TaskStore,
        version: str,
        pack: Callable[[bytes], bytes] = bytes,
        most_unread_bytes: int = MOST_UNREAD_BYTES,
    ) -> None:
        """`pack` makes of a text what connections send, once for all of them."""
        self._store = store
        self._derived: Callable[[Task], Derived] = lambda task: Derived()
        self._version = version
        self._pack = pack
        self._revision = 0
        self._subscribers: set[Subscriber] = set()
        self._quiet: dict[Subscriber, float] = {}
        """Since when nothing was sent to those to whom all has left, the longest first."""
        self.unread = Unread(most_unread_bytes)
        self._news = asyncio.Event()
        self._tick: asyncio.Handle | None = None
        self._tick_at = 0.0
        self._quiet_timer: asyncio.Handle | None = None
        self._pump: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._waiting_for_end: dict[int, set[asyncio.Future[None]]] = defaultdict(set)
        self._answers = Sharing()
        self._stopping = False
        self._progress = asyncio.Event()

    async def start(self, derived: Callable[[Task], Derived]) -> None:
        """Begins to carry; `derived` returns what follows for a task at the moment. Raises StorageUnavailable."""
        self._derived = derived
        self._revision = (await self._store.head()).revision
        self._store.report_to(self._committed)
        self._pump = asyncio.create_task(self._carry())

    def announce_stop(self) -> None:
        """Tells everybody that the server stops, and answers everybody who waits. Changes go on being carried."""
        self._stopping = True
        self._watch_quiet()
        for subscriber in self._subscribers:
            subscriber.needs_stopping = True
        _wake_all([*self._waiting, *(one for group in self._waiting_for_end.values() for one in group)])
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
        head = await self._answers.get(("head", self._revision), self._store.head)
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
        self._quiet.pop(subscriber, None)
        self._watch_quiet()
        self._progress.set()

    def watch(self, subscriber: Subscriber, task_id: int, after: int) -> None:
        """See Subscriber.watch; what there is already comes with the next frame."""
        subscriber.watch(task_id, after)
        self._news.set()

    # Those who wait for an answer.

    async def changes(self, since: int) -> Text:
        """What was committed after `since`, or where to go on if that is not known: one read and one encoding for all
        who ask for the same at the same time. Raises StorageUnavailable."""
        return await self._answers.get(("changes", since, self._revision), partial(self._read_changes, since))

    async def task(self, task_id: int) -> Text:
        """The task as it is now, whole, shared as changes are. Raises NoSuchTask, StorageUnavailable."""
        return await self._answers.get(("task", task_id, self._revision), partial(self._read_task, task_id))

    async def wait_beyond(self, revision: int, seconds: float) -> None:
        """Returns when something was committed after `revision`, when the time is up, or when the server stops."""
        if revision == self._revision and not self._stopping:
            waking = _waking(seconds)
            self._waiting.add(waking)
            try:
                await waking
            finally:
                self._waiting.discard(waking)

    async def wait_for_end(self, task_id: int, seconds: float) -> None:
        """Returns when the task is final or gone, when the time is up, or when the server stops. Raises NoSuchTask."""
        group, waking = self._waiting_for_end[task_id], _waking(seconds)
        group.add(waking)
        try:
            key = ("is final", task_id, self._revision)
            is_final = await self._answers.get(key, partial(self._is_final, task_id))
            if not is_final and not self._stopping:
                await waking
        finally:
            waking.cancel()
            group.discard(waking)
            if not group:
                self._waiting_for_end.pop(task_id, None)

    @property
    def waiting_count(self) -> int:
        """How many wait for something."""
        return len(self._waiting) + sum(map(len, self._waiting_for_end.values()))

    async def _is_final(self, task_id: int) -> bool:
        tasks = await self._store.tasks([task_id])
        if not tasks:
            raise NoSuchTask(task_id)
        return tasks[0].is_final

    def task_settled(self, task_id: int) -> None:
        """Wakes those who wait for this task."""
        _wake_all(list(self._waiting_for_end.get(task_id, ())))

    async def _read_changes(self, since: int) -> Text:
        changes = await self._store.changes(since, limit=REVISIONS_A_FRAME)
        if changes is None:
            return Text(encode(ResyncFrame((await self._store.head()).revision)))
        return Text(encode(self._frame(changes)))

    async def _read_task(self, task_id: int) -> Text:
        task = await self._store.task(task_id)
        return Text(encode(task_view(task, self._derived(task))))

    # Carrying.

    def _committed(self, revision: int) -> None:
        self._revision = revision
        self._news.set()
        if self._waiting:
            _wake_all(list(self._waiting))

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
        if self.unread.is_full:
            self._make_room()
        ready = [subscriber for subscriber in self._subscribers if self._is_ready(subscriber)]
        groups: dict[int, list[Subscriber]] = defaultdict(list)
        for subscriber in ready:
            if not self._send_special(subscriber):
                groups[subscriber.revision].append(subscriber)
        for since, group in groups.items():
            await self._send_changes(since, group)

    def _is_ready(self, subscriber: Subscriber) -> bool:
        if subscriber.sending or not subscriber.has_news(self._revision, with_rounds=not self.unread.is_full):
            return False
        may_send = subscriber.pacer.may_send(asyncio.get_running_loop().time())
        if not may_send:
            self._wake_at(subscriber.pacer.next_tick())
        return may_send

    async def _send_changes(self, since: int, group: list[Subscriber]) -> None:
        is_tight = self.unread.is_full
        most_bytes = SMALL_FRAME_BYTES if is_tight else LARGEST_FRAME_BYTES
        changes = await self._store.changes(since, limit=REVISIONS_A_FRAME, most_bytes=most_bytes)
        if changes is None:
            for subscriber in group:
                subscriber.needs_resync = True
            self._news.set()
            return
        text = encode(self._frame(changes))
        for watches, some in _by_watches(group, changes, with_rounds=not is_tight):
            room = ROOM_FOR_ROUNDS_BYTES - len(text)
            rounds = await self._next_rounds(watches, some, changes.revision, room)
            if rounds or changes.revision > since:
                for subscriber in some:
                    subscriber.revision = changes.revision
                self._deliver(with_rounds(text, rounds) if rounds else text, some)

    async def _next_rounds(
        self, watches: Iterable[Watch], subscribers: Sequence[Subscriber], up_to: int, most_bytes: int
    ) -> dict[int, list[RoundView]]:
        """The next rounds by task, as far as there is room in the frame: at least one. The rest stays unread."""
        found: dict[int, list[RoundView]] = {}
        for watch in watches:
            if found and most_bytes <= 0:
                break
            page = await self._store.watched_rounds(watch, up_to, limit=ROUNDS_A_FRAME, most_bytes=most_bytes)
            most_bytes -= page.size
            after = replace(watch, revision=up_to, number=FARTHEST_ROUND)
            if page.rounds:
                found[watch.task] = [round_view(done) for done in page.rounds]
            if page.has_more:
                last = page.rounds[-1]
                after = replace(watch, revision=last.revision, number=last.number)
            for subscriber in subscribers:
                subscriber.advance(watch, after, page.has_more)
        return found

    def _send_special(self, subscriber: Subscriber) -> bool:
        """`hello`, `resync` or `stopping`, where one of them is due."""
        if subscriber.first is not None:
            text, subscriber.first = subscriber.first, None
        elif subscriber.needs_resync:
            subscriber.needs_resync = False
            subscriber.revision = self._revision
            text = encode(ResyncFrame(self._revision))
        elif subscriber.needs_stopping:
            subscriber.needs_stopping = False
            text = encode(StoppingFrame())
        else:
            return False
        self._deliver(text, [subscriber])
        return True

    def _deliver(self, text: bytes, subscribers: Sequence[Subscriber]) -> None:
        """Sends the same bytes to all of them."""
        now = asyncio.get_running_loop().time()
        frame = Frame(self._pack(text), now)
        frame.readers.update(subscribers)
        self.unread.add(frame)
        for subscriber in subscribers:
            subscriber.pacer.sent(now)
            subscriber.sending = True
            self._quiet.pop(subscriber, None)
            subscriber.connection.send(frame.data).add_done_callback(partial(self._sent, subscriber, frame))

    def _sent(self, subscriber: Subscriber, frame: Frame, future: asyncio.Future[None]) -> None:
        subscriber.sending = False
        was_full = self.unread.is_full
        self.unread.left(frame, subscriber)
        if future.cancelled() or future.exception() is not None:
            self.unsubscribe(subscriber)
        elif subscriber in self._subscribers:
            self._quiet[subscriber] = asyncio.get_running_loop().time()
            self._watch_quiet()
        if subscriber.has_news(self._revision) or (was_full and not self.unread.is_full):
            self._news.set()
        self._progress.set()

    def _make_room(self) -> None:
        """Tells whoever holds a large frame for long to come again, if somebody waits for the room: that one is looked
        for again as long as it is so."""
        if not self.unread.is_full_for_long or not any(one.unread and not one.sending for one in self._subscribers):
            return
        frame, next_stuck = self.unread.stuck(asyncio.get_running_loop().time())
        if frame is not None:
            frame.is_cut = True
            for subscriber in list(frame.readers):
                subscriber.connection.close(TRY_AGAIN_LATER, "others need the memory of what is not read")
        if next_stuck is not None:
            self._wake_at(max(next_stuck, asyncio.get_running_loop().time() + RETRY_SECONDS))

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

    # Quiet clients: a proxy cuts connections on which nothing was sent for a minute, and a client would not notice that
    # its packets are lost.

    def _watch_quiet(self) -> None:
        """One timer for all, for the client that has been quiet for the longest time; without clients there is none.
        It fires with whole seconds, so that it does at most once a second."""
        if self._quiet_timer is not None and (self._stopping or not self._quiet):
            self._quiet_timer.cancel()
            self._quiet_timer = None
        elif self._quiet_timer is None and self._quiet and not self._stopping:
            when = math.ceil(next(iter(self._quiet.values())) + QUIET_SECONDS)
            self._quiet_timer = asyncio.get_running_loop().call_at(when, self._on_quiet)

    def _on_quiet(self) -> None:
        self._quiet_timer = None
        last = asyncio.get_running_loop().time() - QUIET_SECONDS
        quiet = [subscriber for subscriber, since in self._quiet.items() if since <= last]
        quiet.sort(key=lambda subscriber: subscriber.revision)
        for revision, group in groupby(quiet, lambda subscriber: subscriber.revision):
            self._deliver(encode(AliveFrame(revision, _now())), list(group))
        self._watch_quiet()

    # Frames.

    def _hello(self, head: Head, revision: int) -> HelloFrame:
        return HelloFrame(
            store=head.store,
            revision=revision,
            counts=head.counts,
            pending_percent=head.pending_percent,
            version=self._version,
            now=_now(),
        )

    def _frame(self, changes: Changes) -> ChangesFrame:
        return changes_frame(changes, [task_view(task, self._derived(task)) for task in changes.tasks])


def _by_watches(
    group: Iterable[Subscriber], changes: Changes, with_rounds: bool
) -> Iterable[tuple[tuple[Watch, ...], list[Subscriber]]]:
    """Those clients together that lack the same rounds: of tasks that changed, or that they began to watch just now.
    Without rounds all are together, and what they lack stays unread."""
    changed = {task.id for task in changes.tasks}
    found: dict[tuple[Watch, ...], list[Subscriber]] = defaultdict(list)
    for subscriber in group:
        subscriber.unread |= changed & subscriber.watches.keys()
        found[subscriber.unread_watches() if with_rounds else ()].append(subscriber)
    return found.items()


def _now() -> str:
    """The server's clock, for clients whose own is wrong."""
    return iso_time(wall_clock())


def _waking(seconds: float) -> asyncio.Future[None]:
    """A future that is done after so many seconds, unless it is done before."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(seconds, _wake, future)
    future.add_done_callback(partial(_cancel, timer))
    return future


def _cancel(timer: asyncio.Handle, _: object) -> None:
    timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _wake_all(futures: Sequence[asyncio.Future[None]]) -> None:
    """Some at a time: each of them makes an answer, and nobody else would be served until the last one is made."""
    for future in futures[:WOKEN_AT_ONCE]:
        _wake(future)
    if len(futures) > WOKEN_AT_ONCE:
        asyncio.get_running_loop().call_soon(_wake_all, futures[WOKEN_AT_ONCE:])
