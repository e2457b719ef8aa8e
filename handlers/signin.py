"""Checks names and passwords: one at a time, off the loop, and not at all after too many wrong ones."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from msgspec import Struct, field

from config import Auth
from jobs.errors import TooManyAttempts
from storage.accounts import Accounts, Identity
from storage.passwords import NOBODY, verify

log = logging.getLogger("hourglass.signin")

WINDOW_MS = 60_000
MOST_KEPT = 10_000
LONGEST_LINE = 64
LONGEST_KEY_CHARACTERS = 65
"""One more than a name may have: longer ones can be told from no user, and take no more memory than this."""

Who = tuple[str, str]
"""A name, and the address that it comes from."""


class _Failures(Struct):
    """The times of the last wrong passwords, and until when none is looked at; milliseconds."""

    times: deque[int] = field(default_factory=deque)
    shut_until: int = 0


class FailureTable:
    """Who has given wrong passwords lately; bounded. Pure: the time is an argument, in milliseconds."""

    def __init__(self, most_wrong: int, lockout_seconds: float) -> None:
        self._most_wrong = most_wrong
        self._lockout_ms = round(lockout_seconds * 1000)
        self._table: OrderedDict[Who, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def check(self, who: Who, now: int) -> None:
        """Raises TooManyAttempts while the door is shut."""
        failures = self._table.get(who)
        if failures is not None and now < failures.shut_until:
            raise TooManyAttempts(-(-(failures.shut_until - now) // 1000))

    def wrong(self, who: Who, now: int) -> bool:
        """One more wrong password; whether it has shut the door."""
        failures = self._table.setdefault(who, _Failures())
        self._table.move_to_end(who)
        if len(self._table) > MOST_KEPT:
            self._table.popitem(last=False)
        failures.times.append(now)
        while failures.times[0] <= now - WINDOW_MS:
            failures.times.popleft()
        if len(failures.times) < self._most_wrong:
            return False
        failures.times.clear()
        failures.shut_until = now + self._lockout_ms
        return True

    def right(self, who: Who) -> None:
        """The right password: what was wrong before is forgotten."""
        self._table.pop(who, None)


class _Remembered(Struct, frozen=True):
    """A right password of Basic: good until then, and for these credentials alone."""

    credentials: str
    until: int


class SignIn:
    """Checks passwords for the handlers."""

    def __init__(self, accounts: Accounts, settings: Auth, clock: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._basic_ms = round(settings.basic_seconds * 1000)
        self._failures = FailureTable(settings.wrong_passwords, settings.lockout_seconds)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def check(self, name: str, password: str, address: str) -> Identity | None:
        """Who that is; None where the name or the password is wrong. Raises TooManyAttempts."""
        return await self._check_in_turn(name, password, address, _nobody)

    async def check_basic(self, name: str, password: str, address: str) -> Identity | None:
        """As `check`, but what was right is remembered for a short while."""
        key = self._key_of(name, password)

        def recall() -> Identity | None:
            return self._recall(key, name)

        self._failures.check(_who(name, address), self._clock())
        identity = recall() or await self._check_in_turn(name, password, address, recall)
        if identity is not None:
            self._remember(key, identity)
        return identity

    def close(self) -> None:
        """Lets go of the thread."""
        self._executor.shutdown(cancel_futures=True)

    async def _check_in_turn(
        self, name: str, password: str, address: str, recall: Callable[[], Identity | None]
    ) -> Identity | None:
        """Looks again when the turn comes: those before may have shut the door, or answered the question."""
        who = _who(name, address)
        self._failures.check(who, self._clock())
        if self._waiting >= LONGEST_LINE:
            raise TooManyAttempts(1)
        self._waiting += 1
        try:
            async with self._turn:
                self._failures.check(who, self._clock())
                return recall() or await self._verify(who, name, password)
        finally:
            self._waiting -= 1

    async def _verify(self, who: Who, name: str, password: str) -> Identity | None:
        user = self._accounts.user(name)
        password_hash = user.password_hash if user else NOBODY
        loop = asyncio.get_running_loop()
        is_right = await loop.run_in_executor(self._executor, verify, password_hash, password)
        if user is None or not is_right:
            self._count_wrong(who, is_known=user is not None)
            return None
        self._failures.right(who)
        identity = self._accounts.by_password(name)
        # Changed while it was being looked at: it was right a moment ago, and is no longer.
        return identity if identity is not None and identity.credentials == user.credentials else None

    def _count_wrong(self, who: Who, is_known: bool) -> None:
        name, address = who
        if self._failures.wrong(who, self._clock()):
            # What is no user's name may be a password, typed into the wrong field.
            log.warning("too many wrong passwords for %s from %s", name if is_known else "an unknown name", address)

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
        kept = self._remembered.get(key)
        now = self._clock()
        if kept is not None and kept.credentials == identity.credentials and now < kept.until:
            return
        self._remembered[key] = _Remembered(identity.credentials, now + self._basic_ms)
        self._remembered.move_to_end(key)
        if len(self._remembered) > MOST_KEPT:
            self._remembered.popitem(last=False)


def _who(name: str, address: str) -> Who:
    return name[:LONGEST_KEY_CHARACTERS], address


def _nobody() -> None:
    """What `check` remembers."""
