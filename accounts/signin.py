"""Checks names and passwords: one at a time, off the loop, in fair turns, and not at all after too many wrong ones."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from hashlib import sha256

from msgspec import Struct

from accounts.accounts import Accounts
from accounts.lines import Lines
from accounts.lockout import MOST_REMEMBERED, FailureTable, Who, network_of
from accounts.model import Identity
from accounts.passwords import NOBODY, can_be_password, verify
from accounts.settings import AuthSettings
from jobs.clock import steady_clock
from jobs.errors import ServiceStopping, TooManyAttempts

log = logging.getLogger("hourglass.signin")

LONGEST_LINE = 1500
LONGEST_LINE_OF_ONE = 1200
"""A thousand people may be behind one proxy, and sign in at the same time after a restart."""
LONGEST_KEY_CHARACTERS = 65
"""One more than a name may have: longer names cannot be those of users, and take no more memory than this."""


@dataclass(eq=False)
class Attempt:
    """A name and a password that wait for their turn. A right one is remembered under `key`, if there is one."""

    who: Who
    password: str
    address: str
    key: bytes | None
    is_gone: Callable[[], bool]
    answer: asyncio.Future[Identity | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    context: Context = field(default_factory=copy_context)
    """The context of the request, so that log lines carry its id."""

    def is_over(self) -> bool:
        """Returns whether nobody waits for the answer any more."""
        if not self.answer.done() and self.is_gone():
            self.answer.set_result(None)
        return self.answer.done()

    def resolve(self, outcome: Identity | Exception | None) -> None:
        """Answers, if somebody still waits."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class _Remembered(Struct, frozen=True):
    """A right password of HTTP Basic: valid until then, and for these credentials only."""

    credentials: str
    until: int


def _stays() -> bool:
    return False


class SignIn:
    """Checks passwords. `count_refused` is called for each attempt that is refused because the line is full."""

    def __init__(
        self,
        accounts: Accounts,
        settings: AuthSettings,
        clock: Callable[[], int] = steady_clock,
        count_refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._accounts = accounts
        self._count_refused = count_refused
        self._clock = clock
        self._basic_ms = round(settings.basic_seconds * 1000)
        self._failures = FailureTable(settings.wrong_passwords, settings.lockout_seconds)
        self._impossible = FailureTable(settings.wrong_passwords, settings.lockout_seconds)
        """Remembered failures of what cannot be a password: they cost no time, so many must not displace others."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._line: Lines[Attempt] = Lines(LONGEST_LINE, LONGEST_LINE_OF_ONE)
        self._serving: asyncio.Task[None] | None = None
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def check(
        self, name: str, password: str, address: str, is_gone: Callable[[], bool] = _stays
    ) -> Identity | None:
        """Returns who that is; None if the name or the password is wrong. Raises TooManyAttempts.

        If `is_gone`, the client has gone, and the password is not checked.
        """
        return await self._check_in_turn(name, password, address, is_gone, None)

    async def check_basic(
        self, name: str, password: str, address: str, is_gone: Callable[[], bool] = _stays
    ) -> Identity | None:
        """Checks as `check` does, but remembers a right password for a short while."""
        key = self._key_of(name, password)
        self._check_lockout(_who(name, address))
        return self._recall(key, name) or await self._check_in_turn(name, password, address, is_gone, key)

    def close(self) -> None:
        """Stops the thread, and refuses all attempts that wait."""
        self._executor.shutdown(cancel_futures=True)
        while (attempt := self._line.next(Attempt.is_over)) is not None:
            attempt.resolve(ServiceStopping())

    async def _check_in_turn(
        self, name: str, password: str, address: str, is_gone: Callable[[], bool], key: bytes | None
    ) -> Identity | None:
        """Checks again when the turn comes: earlier attempts may have caused a lock-out, or been the same."""
        who = _who(name, address)  # all that is stored of a name while it waits: no user has a longer one
        self._check_lockout(who)
        if not can_be_password(password):
            self._count_wrong(self._impossible, who, address)
            return None
        attempt = Attempt(who, password, address, key, is_gone)
        self._join(attempt)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), context=Context())
        identity = await attempt.answer
        # It may have changed since it was checked: right a moment ago, and wrong now.
        return identity if identity is not None and self._accounts.is_valid(identity) else None

    def _join(self, attempt: Attempt) -> None:
        try:
            displaced = self._line.join(attempt.who[1], attempt, self._clock())
        except TooManyAttempts:
            self._count_refused()
            raise
        if displaced is not None:
            self._count_refused()
            displaced.resolve(TooManyAttempts(1))

    async def _serve(self) -> None:
        """Checks one password after the other. A check that has begun counts, even if its client leaves meanwhile."""
        while (attempt := self._line.next(Attempt.is_over)) is not None:
            outcome: Identity | Exception | None
            try:
                outcome = await self._check_attempt(attempt)
            except Exception as error:  # noqa: BLE001  one that fails must not hold up all who come after it
                outcome = error
            attempt.resolve(outcome)
        self._serving = None

    async def _check_attempt(self, attempt: Attempt) -> Identity | None:
        self._check_lockout(attempt.who)
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
        # It may have changed while it was being checked.
        return identity if identity is not None and identity.credentials == user.credentials else None

    def _check_lockout(self, who: Who) -> None:
        now = self._clock()
        self._failures.check(who, now)
        self._impossible.check(who, now)

    def _count_wrong(self, table: FailureTable, who: Who, address: str) -> None:
        now = self._clock()
        self._line.wrong(who[1], now)
        if table.wrong(who, now):
            # A name that no user has may be a password, typed into the wrong field.
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
        """Remembers it for a fixed time, which using it does not extend."""
        self._remembered[key] = _Remembered(identity.credentials, self._clock() + self._basic_ms)
        self._remembered.move_to_end(key)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


def _who(name: str, address: str) -> Who:
    return name[:LONGEST_KEY_CHARACTERS], network_of(address)
