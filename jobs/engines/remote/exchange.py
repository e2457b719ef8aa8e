"""Orders to a host and its reports, over calls that may fail, come late, or arrive twice. Pure: no I/O, times are
arguments.

The server calls, the host answers. Two calls carry everything:

- `Tell` has orders, and is answered with the number of the last one that the host has.
- `Hear` says which reports the server has, and is answered with those after them.

Orders and reports are numbered from 1 within a *session*, and are repeated until the other side has them; repeats are
ignored. Each call confirms a beat (lease.py).

`Hello` opens a session, and **a session ends** when its lease is over, when its host restarts, or when the host gets
a later hello. Before the host answers any call after that, all jobs of the session are dead, and its orders and reports
forgotten. So a server that learns of a new session, or that its own is over, knows that nothing runs there any more
that was ordered before.

**An epoch** is the number of a server's run, which it raises and stores before its first call. A host refuses the hello
of a server that another one has replaced, by a higher epoch, or whose epoch another one had first. So no two servers
give orders to one host, even if their data are copies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from jobs.engines.remote.lease import HostLease, ServerLease

MOST_MESSAGES = 1_000
MOST_BYTES = 16 * 1024 * 1024
"""In one call, unless a single message is longer. The others follow with the next."""


class Hello(Struct, frozen=True, kw_only=True):
    """Opens a session. `server` is unique to this run of the server, and `serial` numbers its hellos."""

    server: str
    epoch: int
    serial: int
    lease_seconds: float


class Welcome(Struct, frozen=True, kw_only=True):
    """The answer."""

    session: str
    beat: float


class Tell(Struct, frozen=True, kw_only=True):
    """Orders, the first of which has the number `first`."""

    session: str
    confirmed_beat: float
    first: int
    orders: Sequence[bytes]


class Hear(Struct, frozen=True, kw_only=True):
    """Asks for the reports after the number `has`, which is the last that the server has."""

    session: str
    confirmed_beat: float
    has: int


class Heard(Struct, frozen=True, kw_only=True):
    """Reports, the first of which has the number `first`."""

    beat: float
    first: int
    reports: Sequence[bytes]


class SessionOver(Exception):
    """Raised by the host for a call of a session that it does not have (any more): all its jobs are dead."""


class JobsAlive(Exception):
    """Raised by the host as long as jobs of an ended session are being killed: nothing is known yet; ask again."""


class Overtaken(Exception):
    """Raised by the host for a hello that came after a later one, or after one of a server that goes before."""


class Outbox:
    """Numbers messages, and retains them until the other side has them."""

    def __init__(self) -> None:
        self._first = 1
        self._messages: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: bytes) -> None:
        """Appends a message."""
        self._messages.append(message)

    def next(self) -> tuple[int, list[bytes]]:
        """Returns the number of the first message, and as many from there on as one call may carry."""
        messages: list[bytes] = []
        size = 0
        for message in self._messages:
            size += len(message)
            if messages and (size > MOST_BYTES or len(messages) == MOST_MESSAGES):
                break
            messages.append(message)
        return self._first, messages

    def confirm(self, last: int) -> None:
        """Forgets the messages up to this number, which the other side has. Ignores what was confirmed before."""
        assert last < self._first + len(self._messages), "the other side has messages that were not sent"
        while self._first <= last:
            self._messages.popleft()
            self._first += 1


class Inbox:
    """Takes each message once, in order."""

    def __init__(self) -> None:
        self.last = 0
        """The number of the last message taken."""

    def take(self, first: int, messages: Sequence[bytes]) -> Sequence[bytes]:
        """Returns those of these messages that are new."""
        assert first <= self.last + 1, "the other side has forgotten messages that were not confirmed"
        new = messages[self.last + 1 - first :]
        self.last += len(new)
        return new


class _HostSession:
    """What the host has of a session."""

    def __init__(self, name: str, lease: HostLease) -> None:
        self.name = name
        self.lease = lease
        self.orders = Inbox()
        self.reports = Outbox()


class HostEnd:
    """The host's end. Its owner asks `must_kill` at `runs_until` and after each JobsAlive. If it says so, the owner
    kills all jobs and then calls `killed`.

    `name` is unique to this run of the host, which begins when all jobs of the run before are dead.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._newest: Hello | None = None
        self._sessions = 0
        self._session: _HostSession | None = None
        self._is_killing = False

    # The jobs

    @property
    def session(self) -> str | None:
        """Returns the name of the open session."""
        return self._session.name if self._session else None

    @property
    def runs_until(self) -> float | None:
        """Returns when the jobs must be killed, unless a call comes before; None if none may run."""
        return self._session.lease.runs_until if self._session else None

    def must_kill(self, now: float) -> bool:
        """Returns whether all jobs must be killed now."""
        if self._session is not None and self._session.lease.is_over(now):
            self._end_session()
        return self._is_killing

    def killed(self) -> None:
        """Notes that no job lives any more."""
        self._is_killing = False

    def report(self, session: str, message: bytes) -> None:
        """Adds a report of a job that was ordered in this session. Ignores it if that has ended."""
        if self._session is not None and self._session.name == session:
            self._session.reports.add(message)

    # Calls

    def hello(self, hello: Hello, now: float) -> Welcome:
        """Ends the session of an earlier hello and opens a new one. Raises Overtaken, and JobsAlive: try again with the
        same hello once they are killed."""
        if self._is_overtaken(hello):
            raise Overtaken
        if hello != self._newest:
            self._newest = hello
            self._end_session()
        self._refuse_while_killing(now)
        if self._session is None:
            self._sessions += 1
            self._session = _HostSession(f"{self._name}-{self._sessions}", HostLease(hello.lease_seconds, now))
        return Welcome(session=self._session.name, beat=now)

    def tell(self, tell: Tell, now: float) -> tuple[int, Sequence[bytes]]:
        """Returns the number of the last order that the host has, which is the answer, and the new orders. Raises
        SessionOver and JobsAlive."""
        session = self._session_of(tell.session, tell.confirmed_beat, now)
        new = session.orders.take(tell.first, tell.orders)
        return session.orders.last, new

    def hear(self, hear: Hear, now: float) -> Heard:
        """Returns the reports that the server does not have. The caller may wait for some before it calls this. Raises
        SessionOver and JobsAlive."""
        session = self._session_of(hear.session, hear.confirmed_beat, now)
        session.reports.confirm(hear.has)
        first, reports = session.reports.next()
        return Heard(beat=now, first=first, reports=reports)

    def _session_of(self, name: str, confirmed_beat: float, now: float) -> _HostSession:
        """Returns the open session, and extends its lease."""
        self._refuse_while_killing(now)
        if self._session is None or self._session.name != name:
            raise SessionOver
        self._session.lease.confirm(confirmed_beat)
        return self._session

    def _refuse_while_killing(self, now: float) -> None:
        if self.must_kill(now):
            raise JobsAlive

    def _end_session(self) -> None:
        if self._session is not None:
            self._session = None
            self._is_killing = True

    def _is_overtaken(self, hello: Hello) -> bool:
        newest = self._newest
        if newest is None:
            return False
        if hello.server == newest.server:
            return hello.serial < newest.serial
        return hello.epoch <= newest.epoch


class _ServerSession:
    """What the server has of a session."""

    def __init__(self, name: str, lease: ServerLease) -> None:
        self.name = name
        self.lease = lease
        self.orders = Outbox()
        self.reports = Inbox()


class ServerEnd:
    """The server's end, for one host.

    `name` is unique to this run of the server. At `waits_until` the tasks that earlier runs gave to this host may run
    elsewhere, if it never answers (`lease.free_at`); None if there are none.
    """

    def __init__(self, name: str, epoch: int, lease_seconds: float, waits_until: float | None) -> None:
        self._hello = Hello(server=name, epoch=epoch, serial=0, lease_seconds=lease_seconds)
        self._is_welcome_awaited = False
        self._session: _ServerSession | None = None
        self._waits_until = waits_until

    @property
    def session(self) -> str | None:
        """Returns the name of the session; None if a hello is needed."""
        return self._session.name if self._session else None

    # Calls, and what came of them

    def hello(self) -> Hello:
        """Returns the next call that opens a session. Call only without one, since it would end it."""
        assert self._session is None, "a hello would end the session"
        self._hello = replace(self._hello, serial=self._hello.serial + 1)
        self._is_welcome_awaited = True
        return self._hello

    def welcomed(self, hello: Hello, welcome: Welcome, now: float) -> bool:
        """Takes the answer to a hello. Returns whether it opens a session: then nothing runs any more that was ordered
        before, by whichever server.

        Ignores the answer to an earlier hello, and a second answer to the same one: its session may have ended since.
        """
        if not self._awaits_answer_to(hello):
            return False
        self._is_welcome_awaited = False
        self._waits_until = None
        self._session = _ServerSession(
            welcome.session, ServerLease(self._hello.lease_seconds, beat=welcome.beat, now=now)
        )
        return True

    def overtaken(self, hello: Hello) -> bool:
        """Takes Overtaken as the answer to a hello. Returns whether another server goes before this one."""
        return self._awaits_answer_to(hello)

    def tell(self) -> Tell:
        """Returns the next call with orders."""
        session = self._open
        first, orders = session.orders.next()
        return Tell(session=session.name, confirmed_beat=session.lease.confirm(), first=first, orders=orders)

    def told(self, session: str, last: int) -> None:
        """Takes the answer to a call of this session: the host has the orders up to this number."""
        if self._session is not None and self._session.name == session:
            self._session.orders.confirm(last)

    def hear(self) -> Hear:
        """Returns the next call for reports."""
        session = self._open
        return Hear(session=session.name, confirmed_beat=session.lease.confirm(), has=session.reports.last)

    def heard(self, session: str, heard: Heard, now: float) -> Sequence[bytes]:
        """Takes the answer to a call of this session. Returns the new reports, in order."""
        if self._session is None or self._session.name != session:
            return ()
        self._session.lease.receive(heard.beat, now)
        return self._session.reports.take(heard.first, heard.reports)

    def refused(self, session: str) -> bool:
        """Takes SessionOver as the answer to a call of this session. Returns whether that is news: nothing runs any
        more that was ordered in it."""
        if self.session != session:
            return False
        self._session = None
        return True

    # What follows

    def order(self, message: bytes) -> None:
        """Adds an order. Call only in a session."""
        self._open.orders.add(message)

    @property
    def gives_away_at(self) -> float | None:
        """Returns when the tasks may run elsewhere, unless the host answers; None if none can be running there."""
        return self._session.lease.ends_at if self._session else self._waits_until

    def give_away(self, now: float) -> bool:
        """Returns whether the tasks may run elsewhere from now on. Then the session is over, whatever the host answers
        later."""
        if self.gives_away_at is None or now < self.gives_away_at:
            return False
        self._session = self._waits_until = None
        return True

    @property
    def _open(self) -> _ServerSession:
        assert self._session is not None, "a call before the hello"
        return self._session

    def _awaits_answer_to(self, hello: Hello) -> bool:
        return self._is_welcome_awaited and hello == self._hello
