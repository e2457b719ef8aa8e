"""From commits to subscribers: each gets every change once and in order, and none can make the server grow.

A subscriber has one slot: while a frame is on its way to it, only its revision is stored. When it can take another
frame, it gets what was committed since then, merged, from the store. Subscribers at the same revision share one read,
one encoding and the same bytes, also with the rounds that they watch.

The size of all frames that have not left is bounded. Beyond the bound frames are small and without rounds until some
have left; a client that has held a large one for long is then disconnected if others wait for the room.
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

from msgspec.structs import replace

from concurrency.sharing import Sharing, Text
from jobs.clock import iso_time, wall_clock
from jobs.errors import HourglassError, NoSuchTask
from jobs.live.subscriber import FARTHEST_ROUND, Connection, Subscriber, by_watches
from jobs.live.unread import SMALL_FRAME_BYTES, Frame, Unread
from jobs.live.views import (
    AliveFrame,
    ChangesFrame,
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
from jobs.live.waiters import Waiters
from jobs.model.answer_size import LARGEST_FRAME_BYTES
from jobs.model.backlog import Derived
from jobs.model.task import Changes, Head, RoundsCursor, Task
from jobs.store import TaskStore

log = logging.getLogger("hourglass.feed")

REVISIONS_A_FRAME = 1000
ROUNDS_A_FRAME = 1000
MOST_UNREAD_BYTES = 32 * 1024 * 1024
ROOM_FOR_ROUNDS_BYTES = 3 * 1024 * 1024
"""A frame with rounds ends with the round that reaches this size: with the largest round, of 1 MiB, it has 4 MiB."""
QUIET_SECONDS = 25.0
RETRY_SECONDS = 1.0
GOODBYE_SECONDS = 2.0
TRY_AGAIN_LATER = 1013


class Feed:
    """Sends what is committed to all subscribers, and wakes the calls that wait for it."""

    def __init__(
        self,
        store: TaskStore,
        version: str,
        pack: Callable[[bytes], bytes] = bytes,
        most_unread_bytes: int = MOST_UNREAD_BYTES,
        on_unread: Callable[[int], None] = lambda by: None,
    ) -> None:
        """Takes `pack`, which turns a text into what connections send, once for all of them. `on_unread` is called with
        each change of the bytes in frames that have not left yet."""
        self._store = store
        self._derived: Callable[[Task], Derived] = lambda task: Derived()
        self._version = version
        self._pack = pack
        self._revision = 0
        self._subscribers: set[Subscriber] = set()
        self._quiet: dict[Subscriber, float] = {}
        """When the last frame left to each subscriber that has none on its way, oldest first."""
        self.unread = Unread(most_unread_bytes, on_unread)
        self._news = asyncio.Event()
        self._tick: asyncio.Handle | None = None
        self._tick_at = 0.0
        self._quiet_timer: asyncio.Handle | None = None
        self._pump: asyncio.Task[None] | None = None
        self._waiters = Waiters()
        self._answers = Sharing()
        self._stopping = False
        self._progress = asyncio.Event()

    async def start(self, derived: Callable[[Task], Derived]) -> None:
        """Begins to send; `derived` returns what follows for a task at the moment. Raises StorageUnavailable."""
        self._derived = derived
        self._revision = (await self._store.head()).revision
        self._store.report_to(self._committed)
        self._pump = asyncio.create_task(self._send_news())

    def announce_stop(self) -> None:
        """Announces to all subscribers that the server stops, and wakes all calls. Changes are still sent."""
        self._stopping = True
        self._watch_quiet()
        for subscriber in self._subscribers:
            subscriber.needs_stopping = True
        self._waiters.wake_all()
        self._news.set()

    async def stop(self) -> None:
        """Sends the last changes and closes with 1001. Does not wait for a client that does not read."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_sent(), GOODBYE_SECONDS)
        if self._pump is not None:
            self._pump.cancel()
        if self._tick is not None:
            self._tick.cancel()
        for subscriber in list(self._subscribers):
            subscriber.connection.close(1001, "the server stops")

    async def _all_sent(self) -> None:
        while any(one.sending or one.has_news(self._revision) for one in self._subscribers):
            self._progress.clear()
            await self._progress.wait()

    # Subscribers.

    async def subscribe(self, connection: Connection, since: int | None) -> Subscriber:
        """Adds a client at `since`, or at the present. Its first frame is `hello`; `resync` follows if `since` is no
        longer known."""
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
        """Removes a client that is gone."""
        self._subscribers.discard(subscriber)
        self._quiet.pop(subscriber, None)
        self._watch_quiet()
        self._progress.set()

    def watch(self, subscriber: Subscriber, task_id: int, after: int) -> None:
        """Calls Subscriber.watch; the rounds that exist already come with the next frame."""
        subscriber.watch(task_id, after)
        self._news.set()

    # Calls that wait.

    async def changes(self, since: int) -> Text:
        """Returns what was committed after `since`, or where to continue if that is not known: one read and one
        encoding for all who ask for the same at the same time. Raises StorageUnavailable."""
        return await self._answers.get(("changes", since, self._revision), partial(self._read_changes, since))

    async def task(self, task_id: int) -> Text:
        """Returns the whole task as it is now, shared as changes are. Raises NoSuchTask, StorageUnavailable."""
        return await self._answers.get(("task", task_id, self._revision), partial(self._read_task, task_id))

    async def wait_beyond(self, revision: int, seconds: float) -> None:
        """Returns when something was committed after `revision`, when the time is up, or when the server stops."""
        if revision == self._revision and not self._stopping:
            with self._waiters.for_commit(seconds) as committed:
                await committed

    async def wait_for_end(self, task_id: int, seconds: float) -> None:
        """Returns when the task is final or gone, when the time is up, or when the server stops. Raises NoSuchTask."""
        with self._waiters.for_task(task_id, seconds) as settled:
            key = ("is final", task_id, self._revision)
            is_final = await self._answers.get(key, partial(self._is_final, task_id))
            if not is_final and not self._stopping:
                await settled

    @property
    def waiting_count(self) -> int:
        """Returns how many calls wait for something."""
        return self._waiters.count

    async def _is_final(self, task_id: int) -> bool:
        tasks = await self._store.tasks([task_id])
        if not tasks:
            raise NoSuchTask(task_id)
        return tasks[0].is_final

    def task_settled(self, task_id: int) -> None:
        """Lets the calls that wait for this task continue."""
        self._waiters.task_settled(task_id)

    async def _read_changes(self, since: int) -> Text:
        changes = await self._store.changes(since, limit=REVISIONS_A_FRAME)
        if changes is None:
            return Text(encode(ResyncFrame((await self._store.head()).revision)))
        return Text(encode(self._frame(changes)))

    async def _read_task(self, task_id: int) -> Text:
        task = await self._store.task(task_id)
        return Text(encode(task_view(task, self._derived(task))))

    # Sending.

    def _committed(self, revision: int) -> None:
        self._revision = revision
        self._news.set()
        self._waiters.committed()

    async def _send_news(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._send_round()
            except HourglassError as error:
                self._try_again_later(error)
            except Exception as error:  # a frame that cannot be made must not stop all others
                log.critical("a defect in the feed", exc_info=error)
                self._try_again_later(error)

    def _try_again_later(self, error: Exception) -> None:
        log.warning("changes cannot be sent: %s", error)
        self._wake_at(asyncio.get_running_loop().time() + RETRY_SECONDS)

    async def _send_round(self) -> None:
        """Sends one frame to each subscriber that can take one and lacks something."""
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
        for watches, some in by_watches(group, changes, with_rounds=not is_tight):
            room = ROOM_FOR_ROUNDS_BYTES - len(text)
            rounds = await self._next_rounds(watches, some, changes.revision, room)
            if rounds or changes.revision > since:
                for subscriber in some:
                    subscriber.revision = changes.revision
                self._deliver(with_rounds(text, rounds) if rounds else text, some)

    async def _next_rounds(
        self, watches: Iterable[RoundsCursor], subscribers: Sequence[Subscriber], up_to: int, most_bytes: int
    ) -> dict[int, list[RoundView]]:
        """Returns the next rounds by task, as many as fit into the frame: at least one. The rest stays unread."""
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
        """Sends `hello`, `resync` or `stopping` if one of them is due; returns whether it was."""
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
        """Disconnects the clients that have held a large frame for too long, if others wait for the room; looks again
        later as long as they do."""
        if not self.unread.is_full_for_long or not any(one.unread and not one.sending for one in self._subscribers):
            return
        frame, next_stuck = self.unread.stuck(asyncio.get_running_loop().time())
        if frame is not None:
            frame.is_cut = True
            for subscriber in list(frame.readers):
                subscriber.connection.close(TRY_AGAIN_LATER, "others need the memory of unread frames")
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

    # Quiet clients: a proxy closes connections on which nothing was sent for a minute, and a client would not notice
    # that its packets are lost.

    def _watch_quiet(self) -> None:
        """Sets one timer for all clients, for the one that has been quiet longest; none without clients. It fires at
        whole seconds, so at most once a second."""
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


def _now() -> str:
    """Returns the server's clock, for clients whose own is wrong."""
    return iso_time(wall_clock())
