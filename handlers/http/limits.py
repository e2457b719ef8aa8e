"""Bounds what clients may cost, whichever way they come in. What exceeds a limit is refused and counted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from concurrency.turns import Turns
from handlers.settings import LimitSettings


class RefusedTally:
    """Counts refusals since the start, by reason; reasons are fixed words, which bounds their number."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, reason: str) -> None:
        """Counts one refusal."""
        self.counts[reason] += 1


class LimitReached(Exception):
    """Raised if no place is free; its text names the limit, in a sentence for the client. `status` is 429 if this user
    has too many, 503 if all users together have."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Places:
    """A bounded number of places, in all and for each user: open WebSockets, waiting calls."""

    def __init__(self, what: str, most: int, most_a_user: int, reason: str, refused: RefusedTally) -> None:
        """Takes what to call those that take places, in the plural, and the reason by which a refusal is counted."""
        self._what = what
        self._most = most
        self._most_a_user = most_a_user
        self._reason = reason
        self._refused = refused
        self._taken: defaultdict[str, int] = defaultdict(int)
        self._count = 0

    @property
    def taken(self) -> int:
        """Returns the number of places taken."""
        return self._count

    def take(self, user: str) -> None:
        """Takes a place, which `leave` gives back. Raises LimitReached."""
        if self._count >= self._most:
            self._refuse(503, f"At most {self._most} {self._what} can be open at a time; try again later.")
        if self._taken[user] >= self._most_a_user:
            self._refuse(
                429, f"One user can have at most {self._most_a_user} {self._what} open at a time; try again later."
            )
        self._count += 1
        self._taken[user] += 1

    def leave(self, user: str) -> None:
        """Gives a place back."""
        self._count -= 1
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]

    def _refuse(self, status: int, sentence: str) -> None:
        self._refused.add(self._reason)
        raise LimitReached(status, sentence)


MOST_CONNECTIONS = 5000
"""If descriptors would allow more: with all that belongs to it a connection takes some 10 KB."""
RESERVED_DESCRIPTORS = 80
DESCRIPTORS_A_PROCESS = 6
SMALL_ANSWER_BYTES = 64 * 1024
MEGABYTE = 1024 * 1024
AT_ONCE_BUILDING = 2
FREE_BODY_BYTES = 4 * 1024
QUIET_SECONDS = 1.0


class Line:
    """Calls that wait for memory: users take turns, each in the order of its calls."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[tuple[int, asyncio.Future[None]]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def join(self, size: int, user: str) -> asyncio.Future[None]:
        """Returns a future that is done when so many bytes have been granted."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append((size, future))
        return future

    def let_in(self, take: Callable[[int], bool]) -> None:
        """Grants one after the other as long as `take` does; if the next has to wait, so do all behind it."""
        while self._waiting:
            user, line = next(iter(self._waiting.items()))
            size, future = line[0]
            if not future.done():
                if not take(size):
                    return
                future.set_result(None)
            line.popleft()
            self._waiting.move_to_end(user)
            if not line:
                del self._waiting[user]


class UnreadAnswers:
    """Bounds the memory of all answers and frames that clients have not read yet, in sum.

    Before something large is made, `reserve` waits for its turn, with nothing in memory; `release` is called when the
    last byte has left. A frame that many sockets share is reserved once, and released after the last of them. A quarter
    is reserved for small answers, so that large ones never hold them up. HTTP answers are counted by their connection
    while they leave (`stream.py`), so a handler uses `ApiHandler.answer`, which does all of it.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._most_of_large = most_bytes * 3 // 4
        self._held = 0
        self._small, self._large = Line(), Line()
        self._on_wait: Callable[[], None] = lambda: None

    def when_waiting(self, call: Callable[[], None]) -> None:
        """Sets what is called whenever an answer begins to wait: the gate then makes room for it."""
        self._on_wait = call

    @property
    def held_bytes(self) -> int:
        """Returns the bytes that are reserved and not released yet."""
        return self._held

    @property
    def waiting_count(self) -> int:
        """Returns the number of answers that wait for their turn."""
        return len(self._small) + len(self._large)

    def has_room(self, size: int) -> bool:
        """Returns whether so many bytes need not wait."""
        return not self._line(size) and self._fits(size)

    async def reserve(self, size: int, user: str) -> None:
        """Waits for the user's turn, and counts so many bytes."""
        if self.has_room(size):
            self._held += size
            return
        future = self._line(size).join(size, user)
        self._on_wait()
        try:
            await future
        except asyncio.CancelledError:
            self.release(size if future.done() and not future.cancelled() else 0)
            raise

    def add(self, size: int) -> None:
        """Counts so many bytes that are there already, without waiting."""
        self._held += size

    def change(self, by: int) -> None:
        """Adds bytes, or releases a negative number of them."""
        if by > 0:
            self.add(by)
        else:
            self.release(-by)

    def release(self, size: int) -> None:
        """Returns bytes that were reserved or added."""
        self._held -= size
        if self._small or self._large:
            self._small.let_in(self._take)
            self._large.let_in(self._take)

    @asynccontextmanager
    async def turn(self, size: int, user: str) -> AsyncIterator[None]:
        """Holds so many bytes for the length of a block."""
        await self.reserve(size, user)
        try:
            yield
        finally:
            self.release(size)

    def _line(self, size: int) -> Line:
        return self._small if size <= SMALL_ANSWER_BYTES else self._large

    def _fits(self, size: int) -> bool:
        """Returns whether so many bytes fit. An answer larger than the whole limit needs half of it to be free."""
        if size <= SMALL_ANSWER_BYTES:
            return self._held + size <= self._most
        return self._held + min(size, self._most // 2) <= self._most_of_large

    def _take(self, size: int) -> bool:
        fits = self._fits(size)
        self._held += size if fits else 0
        return fits


class BodyHolder(Protocol):
    """The owner of a body that is not complete yet."""

    def give_up_body(self) -> None:
        """Refuses the request in favour of others."""


class UnfinishedBodies:
    """Bounds the memory of all request bodies that are incomplete or still in use, in sum.

    The first 4 KiB of each are free: small requests always get in, and the number of connections bounds them. If there
    is no room, the body that has been quiet for longest is given up.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held = 0
        self._bodies: OrderedDict[BodyHolder, tuple[int, float]] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """Returns the bytes that are counted at the moment."""
        return self._held

    def take(self, holder: BodyHolder, size: int) -> bool:
        """Counts a body that has grown to `size`; returns whether there was room."""
        before, now = self._bodies.get(holder, (0, 0))[0], time.monotonic()
        counted = max(0, size - FREE_BODY_BYTES)
        if not counted:
            return True
        if self._held + counted - before > self._most and not self._give_one_up(holder, now):
            return False
        self._held += counted - before
        self._bodies[holder] = (counted, now)
        self._bodies.move_to_end(holder)
        return True

    def leave(self, holder: BodyHolder) -> None:
        """Ends the counting of a body that is no longer needed."""
        self._held -= self._bodies.pop(holder, (0, 0))[0]

    def add_unread(self, size: int) -> bool:
        """Counts bytes that belong to no body yet; returns whether they are within bounds. The bounds are a quarter
        wider for them, so that a body that arrives together with its header still gets an answer if there is no room
        for it."""
        self._held += size
        return size <= 0 or self._held <= self._most * 5 // 4

    def _give_one_up(self, holder: BodyHolder, now: float) -> bool:
        quietest = next(iter(self._bodies), holder)
        if quietest is holder or now - self._bodies[quietest][1] < QUIET_SECONDS:
            return False
        self.leave(quietest)
        quietest.give_up_body()
        return True


@dataclass(frozen=True)
class ClientLimits:
    """All limits on clients. `connections` is how many may be open."""

    connections: int
    refused: RefusedTally
    answers: UnreadAnswers
    bodies: UnfinishedBodies
    websockets: Places
    waiting_calls: Places
    building: defaultdict[object, Turns] = field(default_factory=lambda: defaultdict(lambda: Turns(AT_ONCE_BUILDING)))
    """How many answers of a kind are made at a time: what is read and not encoded yet has no other bound. A kind that
    waits for its reads holds up no other."""

    @classmethod
    def of(cls, limits: LimitSettings, descriptors: int = 65_536, processes: int = 0) -> ClientLimits:
        """Returns the limits of config.ini, as far as the descriptors allow. Reserves a tenth of the connections for
        requests that end soon."""
        refused = RefusedTally()
        connections = most_connections(limits, descriptors, processes)
        lasting = connections * 9 // 10
        websockets, calls = min(limits.websockets, lasting), min(limits.waiting_calls, lasting)
        return cls(
            connections,
            refused,
            UnreadAnswers(limits.answers_mb * MEGABYTE),
            UnfinishedBodies(limits.bodies_mb * MEGABYTE),
            Places("WebSockets", websockets, limits.websockets_per_user, "websockets", refused),
            Places("waiting calls", calls, limits.waiting_calls_per_user, "waiting_calls", refused),
        )


def most_connections(limits: LimitSettings, descriptors: int, processes: int) -> int:
    """Returns how many connections may be open: as config.ini says, if there are descriptors for them."""
    allowed = max(8, descriptors - RESERVED_DESCRIPTORS - DESCRIPTORS_A_PROCESS * processes)
    return min(limits.connections or MOST_CONNECTIONS, allowed)
