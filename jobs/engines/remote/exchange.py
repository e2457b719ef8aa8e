"""Orders to a host and its reports, over calls that may fail, come late, or arrive twice. Pure: no I/O, times are
arguments.

The server calls, the host answers. Two calls carry everything:

- `Tell` has orders, and is answered with the number of the last one that the host has.
- `Hear` says which reports the server has, and is answered with those after them.

Orders and reports are numbered from 1 within a *session*, and are repeated until the other side has them; what arrives
again is ignored. Each call confirms a beat (lease.py). `Hello` opens a session or finds the one that is open.

**A session ends** when its lease is over, or when a server with a higher epoch says hello. Before the host answers any
call after that, all jobs of the session are dead, and its orders and reports forgotten: a server that learns of another
session, or that its own is unknown, knows that nothing runs there any more. A host that restarts has no session.

**An epoch** is the number of a server's run, which it raises and stores before its first call. A host refuses calls of
lower epochs: of a server that was replaced, or that was stopped for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from jobs.engines.remote.lease import HostLease, ServerLease

Message = TypeVar("Message")

MOST_MESSAGES = 1_000
"""In one call. The others follow with the next."""


class Hello(Struct, frozen=True):
    """Opens a session, or finds the open one. `serial` numbers the hellos of a server."""

    epoch: int
    serial: int
    lease_seconds: float


class Welcome(Struct, frozen=True):
    """The answer: `session` is another one whenever all jobs of the one before are dead."""

    session: str
    beat: int


class Tell(Struct, frozen=True, kw_only=True):
    """Orders, the first of which has the number `first`."""

    session: str
    confirmed_beat: int
    first: int
    orders: Sequence[bytes]


class Hear(Struct, frozen=True, kw_only=True):
    """Asks for the reports after the number `has`, which is the last that the server has."""

    session: str
    confirmed_beat: int
    has: int


class Heard(Struct, frozen=True, kw_only=True):
    """Reports, the first of which has the number `first`."""

    beat: int
    first: int
    reports: Sequence[bytes]


class SessionOver(Exception):
    """Raised by the host for a call of a session that it does not have (any more): all its jobs are dead."""


class StaleEpoch(Exception):
    """Raised by the host for a server that a later one has replaced."""


class JobsAlive(Exception):
    """Raised by the host as long as jobs of an ended session are being killed: nothing is known yet; ask again."""


class Outbox(Generic[Message]):
    """Numbers messages, and retains them until the other side has them."""

    def __init__(self) -> None:
        self._first = 1
        self._messages: deque[Message] = deque()

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Appends a message."""
        self._messages.append(message)

    def next(self) -> tuple[int, list[Message]]:
        """Returns the messages to send, and the number of the first."""
        return self._first, [self._messages[place] for place in range(min(len(self._messages), MOST_MESSAGES))]

    def confirm(self, last: int) -> None:
        """Forgets the messages up to this number, which the other side has. Ignores what it confirmed before."""
        last = min(last, self._first + len(self._messages) - 1)
        while self._first <= last:
            self._messages.popleft()
            self._first += 1


class Inbox(Generic[Message]):
    """Takes each message once, in order."""

    def __init__(self) -> None:
        self.last = 0
        """The number of the last message taken."""

    def take(self, first: int, messages: Sequence[Message]) -> Sequence[Message]:
        """Returns those of these messages that are new. Takes none if some before them are missing."""
        if first > self.last + 1:
            return ()
        new = messages[self.last + 1 - first :]
        self.last += len(new)
        return new


class _Session:
    """What the host has of a session."""

    def __init__(self, name: str, lease_seconds: float) -> None:
        self.name = name
        self.lease = HostLease(lease_seconds)
        self.orders = Inbox[bytes]()
        self.reports = Outbox[bytes]()


class HostEnd:
    """The host's end. Its owner asks `must_kill` at each beat of its own clock, and whenever a call arrives.

    `name` is unique to this run of the host; the names of its sessions begin with it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._epoch = 0
        self._sessions = 0
        self._session: _Session | None = None
        self._is_killing = False

    # The jobs

    @property
    def session(self) -> str | None:
        """Returns the name of the open session."""
        return self._session.name if self._session else None

    @property
    def lease_ends_at(self) -> float | None:
        """Returns when the jobs must be dead, unless a call comes before; None if none may run."""
        return self._session.lease.ends_at if self._session else None

    def must_kill(self, now: float) -> bool:
        """Returns whether all jobs must be killed now; `killed` says when they are dead."""
        if self._session is not None and self._session.lease.is_over(now):
            self._end_session()
        return self._is_killing

    def killed(self) -> None:
        """Notes that no job lives any more."""
        self._is_killing = False

    def report(self, session: str, message: bytes) -> None:
        """Adds a report of a job that runs in this session. One of an ended session is ignored."""
        if self._session is not None and self._session.name == session:
            self._session.reports.add(message)

    # Calls

    def hello(self, hello: Hello, now: float) -> Welcome:
        """Opens a session unless one is open. Raises StaleEpoch, and JobsAlive: then it ended one."""
        if hello.epoch < self._epoch:
            raise StaleEpoch
        if hello.epoch > self._epoch:
            self._epoch = hello.epoch
            self._end_session()
        self._refuse_while_killing(now)
        if self._session is None:
            self._sessions += 1
            self._session = _Session(f"{self._name}-{self._sessions}", hello.lease_seconds)
        return Welcome(self._session.name, self._session.lease.beat(now))

    def tell(self, tell: Tell, now: float) -> tuple[int, Sequence[bytes]]:
        """Returns the number of the last order that the host has, which is the answer, and the new orders."""
        session = self._session_of(tell.session, tell.confirmed_beat, now)
        new = session.orders.take(tell.first, tell.orders)
        return session.orders.last, new

    def hear(self, hear: Hear, now: float) -> Heard:
        """Returns the reports that the server does not have. The caller may wait for some before it calls this."""
        session = self._session_of(hear.session, hear.confirmed_beat, now)
        session.reports.confirm(hear.has)
        first, reports = session.reports.next()
        return Heard(beat=session.lease.beat(now), first=first, reports=reports)

    def _session_of(self, name: str, confirmed_beat: int, now: float) -> _Session:
        """Returns the open session, and extends its lease. Raises SessionOver and JobsAlive."""
        self._refuse_while_killing(now)
        if self._session is None or self._session.name != name:
            raise SessionOver
        if not self._session.lease.confirm(confirmed_beat, now):
            self._end_session()
            raise JobsAlive
        return self._session

    def _refuse_while_killing(self, now: float) -> None:
        if self.must_kill(now):
            raise JobsAlive

    def _end_session(self) -> None:
        if self._session is not None:
            self._session = None
            self._is_killing = True


class ServerEnd:
    """The server's end, for one host. It knows of one session at a time, and of none at first."""

    def __init__(self, epoch: int, lease_seconds: float) -> None:
        self._hello = Hello(epoch, 0, lease_seconds)
        self._orders = Outbox[bytes]()
        self._reports = Inbox[bytes]()
        self._lease = ServerLease(lease_seconds)
        self.session: str | None = None
        """None if a hello is needed."""

    # Calls, and what came of them

    def hello(self) -> Hello:
        """Returns the next call that opens a session, or finds the open one."""
        self._hello = replace(self._hello, serial=self._hello.serial + 1)
        return self._hello

    def welcomed(self, hello: Hello, welcome: Welcome, now: float) -> bool:
        """Takes the answer to a hello. Returns whether it names a new session: then nothing runs any more that was
        ordered before. Ignores the answer to an earlier hello, since it may name a session before the present one."""
        if hello.serial != self._hello.serial:
            return False
        is_new = welcome.session != self.session
        if is_new:
            self._forget()
            self.session = welcome.session
        self._lease.receive(welcome.beat, now)
        return is_new

    def tell(self) -> Tell:
        """Returns the next call with orders."""
        first, orders = self._orders.next()
        return Tell(session=self._named, confirmed_beat=self._lease.confirm(), first=first, orders=orders)

    def told(self, session: str, last: int) -> None:
        """Takes the answer to a call of this session: the host has the orders up to this number."""
        if session == self.session:
            self._orders.confirm(last)

    def hear(self) -> Hear:
        """Returns the next call for reports."""
        return Hear(session=self._named, confirmed_beat=self._lease.confirm(), has=self._reports.last)

    def heard(self, session: str, heard: Heard, now: float) -> Sequence[bytes]:
        """Takes the answer to a call of this session. Returns the new reports, in order."""
        if session != self.session:
            return ()
        self._lease.receive(heard.beat, now)
        return self._reports.take(heard.first, heard.reports)

    def refused(self, session: str) -> bool:
        """Takes SessionOver as the answer to a call of this session. Returns whether that is news: nothing runs any
        more that was ordered in it."""
        if session != self.session:
            return False
        self._forget()
        return True

    # What follows

    def order(self, message: bytes) -> None:
        """Adds an order. Call only in a session."""
        self._orders.add(message)

    @property
    def gives_away_at(self) -> float | None:
        """Returns when the tasks may be run elsewhere, unless the host answers; None if none can be running there."""
        return self._lease.ends_at if self.session else None

    def give_away(self, now: float) -> bool:
        """Returns whether the tasks may be run elsewhere. Then the session is over, whatever the host answers later."""
        if self.session is None or not self._lease.is_over(now):
            return False
        self._forget()
        return True

    @property
    def _named(self) -> str:
        assert self.session is not None, "a call before the hello"
        return self.session

    def _forget(self) -> None:
        self.session = None
        self._orders, self._reports = Outbox[bytes](), Inbox[bytes]()
        self._lease = ServerLease(self._hello.lease_seconds)
