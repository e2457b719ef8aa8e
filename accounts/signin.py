"""Checks names and passwords: one at a time, off the loop, in fair turns, and not at all after too many wrong ones."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

from msgspec import Struct

from accounts.accounts import Accounts, Identity
from accounts.passwords import NOBODY, can_be_password, verify
from config import Auth
from handlers.http.limits import RefusedTally
from jobs.clock import MINUTE_MS, steady_clock
from jobs.errors import ServiceStopping, TooManyAttempts

log = logging.getLogger("hourglass.signin")

WINDOW_MS = MINUTE_MS
MOST_KEPT = 10_000
LONGEST_LINE = 1500
LONGEST_LINE_OF_ONE = 1200
"""A thousand people may stand behind one proxy, and sign in at the same time after a restart."""
LONGEST_KEY_CHARACTERS = 65
"""One more than a name may have: longer ones can be told from no user, and take no more memory than this."""

Who = tuple[str, str]
"""A name, and the address that it comes from."""

Item = TypeVar("Item")
Value = TypeVar("Value")


@lru_cache(1024)
def network_of(address: str) -> str:
    """Whom an address stands for: itself, or the /64 of IPv6, which one machine has to itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), 64), strict=False))


class FailureTable:
    """Who has given wrong passwords lately; bounded. Pure: the time is an argument, in milliseconds."""

    def __init__(self, most_wrong: int, lockout_seconds: float) -> None:
        self._most_wrong = most_wrong
        self._lockout_ms = round(lockout_seconds * 1000)
        self._open: OrderedDict[Who, list[int]] = OrderedDict()
        """The times of the last wrong passwords, the newest last."""
        self._shut: OrderedDict[Who, int] = OrderedDict()
        """Until when no password is looked at; the first to open is the first."""

    def __len__(self) -> int:
        return len(self._open) + len(self._shut)

    def check(self, who: Who, now: int) -> None:
        """Raises TooManyAttempts while the door is shut."""
        left = self._shut.get(who, now) - now
        if left > 0:
            raise TooManyAttempts(-(-left // 1000))

    def wrong(self, who: Who, now: int) -> bool:
        """Notes one more wrong password; returns whether it has shut the door."""
        times = [*(time for time in self._open.get(who, ()) if time > now - WINDOW_MS), now]
        self._open[who] = times
        self._open.move_to_end(who)
        shuts = len(times) >= self._most_wrong
        if shuts:
            del self._open[who]
            self._shut[who] = now + self._lockout_ms
            self._shut.move_to_end(who)
        self._make_room(now)
        return shuts

    def right(self, who: Who) -> None:
        """Forgets what was wrong before."""
        self._open.pop(who, None)
        self._shut.pop(who, None)

    def _make_room(self, now: int) -> None:
        """Guesses at other names push out no door that is shut; of too many shut ones that goes which opens next."""
        if len(self._open) > MOST_KEPT:
            self._open.popitem(last=False)
        while self._shut and (len(self._shut) > MOST_KEPT or next(iter(self._shut.values())) <= now):
            self._shut.popitem(last=False)


class Line(Generic[Item]):
    """Who waits, by network. The networks take turns, so that a crowd from one delays nobody from another."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def join(self, network: str, item: Item) -> Item | None:
        """Adds one at the end of its network's line; if all places are taken, returns the one that has to go for it.

        Raises TooManyAttempts if there is no place: the networks with the most waiting have to give way.
        """
        own = self._waiting.get(network, ())
        if len(own) >= self._most_of_one:
            raise TooManyAttempts(1)
        displaced = self._displaced(len(own)) if self._count >= self._most else None
        self._waiting.setdefault(network, deque()).append(item)
        self._count += 1
        return displaced

    def next(self, is_over: Callable[[Item], bool]) -> Item | None:
        """Takes out whose turn it is. Those who are over are dropped and take no turn."""
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
    """Three lines that take turns: for networks from which a right password has come, for those that gave a wrong one
    within a minute, and for all others.

    So a crowd of guessers, however many addresses it has, delays those who come with right passwords by a few turns.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._known, self._bad, self._others = (Line[Item](most, most_of_one) for _ in range(3))
        self._turns = deque([self._known, self._others, self._bad])
        self._right: OrderedDict[str, None] = OrderedDict()
        self._wrong_at: OrderedDict[str, int] = OrderedDict()

    def right(self, network: str) -> None:
        """Notes a right password."""
        _note(self._right, network, None)

    def wrong(self, network: str, now: int) -> None:
        """Notes a wrong password."""
        _note(self._wrong_at, network, now)

    def join(self, network: str, item: Item, now: int) -> Item | None:
        """As Line.join. Raises TooManyAttempts."""
        return self._line_of(network, now).join(network, item)

    def next(self, is_over: Callable[[Item], bool]) -> Item | None:
        """As Line.next."""
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


def _note(table: OrderedDict[str, Value], network: str, value: Value) -> None:
    table[network] = value
    table.move_to_end(network)
    if len(table) > MOST_KEPT:
        table.popitem(last=False)


@dataclass(eq=False)
class Attempt:
    """A name and a password that wait for their turn. What is right is remembered under `key`, if there is one."""

    who: Who
    password: str
    address: str
    key: bytes | None
    is_gone: Callable[[], bool]
    answer: asyncio.Future[Identity | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    context: Context = field(default_factory=copy_context)
    """Of the request, whose id its log lines bear."""

    def is_over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        if not self.answer.done() and self.is_gone():
            self.answer.set_result(None)
        return self.answer.done()

    def resolve(self, outcome: Identity | Exception | None) -> None:
        """Answers, if somebody still waits for it."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class _Remembered(Struct, frozen=True):
    """A right password of Basic: good until then, and for these credentials alone."""

    credentials: str
    until: int


def _stays() -> bool:
    return False


class SignIn:
    """Checks passwords for the handlers."""

    def __init__(
        self,
        accounts: Accounts,
        settings: Auth,
        clock: Callable[[], int] = steady_clock,
        refused: RefusedTally | None = None,
    ) -> None:
        self._accounts = accounts
        self._refused = refused or RefusedTally()
        self._clock = clock
        self._basic_ms = round(settings.basic_seconds * 1000)
        self._failures = FailureTable(settings.wrong_passwords, settings.lockout_seconds)
        self._impossible = FailureTable(settings.wrong_passwords, settings.lockout_seconds)
        """Of what cannot be a password: it costs no time, so a flood of it must not push out what was guessed."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._line: Lines[Attempt] = Lines(LONGEST_LINE, LONGEST_LINE_OF_ONE)
        self._serving: asyncio.Task[None] | None = None
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def check(
        self, name: str, password: str, address: str, is_gone: Callable[[], bool] = _stays
    ) -> Identity | None:
        """Who that is; None if the name or the password is wrong. Raises TooManyAttempts.

        `is_gone` says whether the one who asks has gone; the password is not looked at then.
        """
        return await self._check_in_turn(name, password, address, is_gone, None)

    async def check_basic(
        self, name: str, password: str, address: str, is_gone: Callable[[], bool] = _stays
    ) -> Identity | None:
        """As `check`, but what was right is remembered for a short while."""
        key = self._key_of(name, password)
        self._check_doors(_who(name, address))
        return self._recall(key, name) or await self._check_in_turn(name, password, address, is_gone, key)

    def close(self) -> None:
        """Lets go of the thread, and of those who wait."""
        self._executor.shutdown(cancel_futures=True)
        while (attempt := self._line.next(Attempt.is_over)) is not None:
            attempt.resolve(ServiceStopping())

    async def _check_in_turn(
        self, name: str, password: str, address: str, is_gone: Callable[[], bool], key: bytes | None
    ) -> Identity | None:
        """Looks again when the turn comes: those before may have shut the door, or answered the question."""
        who = _who(name, address)  # all that is kept of a name while it waits: no user has a longer one
        self._check_doors(who)
        if not can_be_password(password):
            self._count_wrong(self._impossible, who, address)
            return None
        attempt = Attempt(who, password, address, key, is_gone)
        self._join(attempt)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), context=Context())
        identity = await attempt.answer
        # Changed since it was looked at: it was right a moment ago, and is no longer.
        return identity if identity is not None and self._accounts.is_valid(identity) else None

    def _join(self, attempt: Attempt) -> None:
        try:
            displaced = self._line.join(attempt.who[1], attempt, self._clock())
        except TooManyAttempts:
            self._refused.add("sign_ins")
            raise
        if displaced is not None:
            self._refused.add("sign_ins")
            displaced.resolve(TooManyAttempts(1))

    async def _serve(self) -> None:
        """Looks at one password after the other. What has begun counts, even if the one who asked goes meanwhile."""
        while (attempt := self._line.next(Attempt.is_over)) is not None:
            outcome: Identity | Exception | None
            try:
                outcome = await self._look_at(attempt)
            except Exception as error:  # noqa: BLE001  one that fails must not hold up all who come after it
                outcome = error
            attempt.resolve(outcome)
        self._serving = None

    async def _look_at(self, attempt: Attempt) -> Identity | None:
        self._check_doors(attempt.who)
        known = self._recall(attempt.key, attempt.who[0]) if attempt.key is not None else None
        identity = known or await self._verify(attempt)
        if attempt.key is not None and identity is not None and known is None:
            self._remember(attempt.key, identity)
        return identity

    async def _verify(self, attempt: Attempt) -> Identity | None:
        user = self._accounts.user(attempt.who[0])
        password_hash = user.password_hash if user else NOBODY
        loop = asyncio.get_running_loop()
        is_right = await loop.run_in_executor(self._executor, verify, password_hash, attempt.password)
        if user is None or not is_right:
            attempt.context.run(self._count_wrong, self._failures, attempt.who, attempt.address)
            return None
        self._failures.right(attempt.who)
        self._line.right(attempt.who[1])
        identity = self._accounts.by_password(attempt.who[0])
        # Changed while it was being looked at.
        return identity if identity is not None and identity.credentials == user.credentials else None

    def _check_doors(self, who: Who) -> None:
        now = self._clock()
        self._failures.check(who, now)
        self._impossible.check(who, now)

    def _count_wrong(self, table: FailureTable, who: Who, address: str) -> None:
        now = self._clock()
        self._line.wrong(who[1], now)
        if table.wrong(who, now):
            # What is no user's name may be a password, typed into the wrong field.
            known = who[0] if self._accounts.user(who[0]) else "an unknown name"
            log.warning("too many wrong passwords for %s from %s", known, address)

    def _key_of(self, name: str, password: str) -> bytes:
        text = f"{name}\0{password}".encode(errors="surrogatepass")
        return hmac.new(self._key, text, sha256).digest()

    def _recall(self, key: bytes, name: str) -> Identity | None:
        remembered = self._remembered.get(key)
        identity = self._accounts.by_password(name)
        if remembered is None or identity is None:
            return None
        is_good = remembered.credentials == identity.credentials and self._clock() < remembered.until
        return identity if is_good else None

    def _remember(self, key: bytes, identity: Identity) -> None:
        """For so long from when it was looked at: being used does not prolong it."""
        self._remembered[key] = _Remembered(identity.credentials, self._clock() + self._basic_ms)
        self._remembered.move_to_end(key)
        if len(self._remembered) > MOST_KEPT:
            self._remembered.popitem(last=False)


def _who(name: str, address: str) -> Who:
    return name[:LONGEST_KEY_CHARACTERS], network_of(address)
