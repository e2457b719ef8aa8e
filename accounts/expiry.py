"""Ends what lasts only as long as a sign-in: WebSockets and waiting calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from accounts.accounts import Accounts
from accounts.model import Identity

LONGEST_SLEEP_SECONDS = 60.0
"""A clock that is set, or a machine that slept, delays the end of a session by no more than this."""


class BoundToSignIn:
    """Something that ends with a sign-in, by calling `end`."""

    def __init__(self, identity: Identity, end: Callable[[], object]) -> None:
        self.identity = identity
        self.end = end


class SignInExpiry:
    """Ends each thing when its sign-in ends: by a change of the accounts, or by age, for which there is one timer."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._bound: set[BoundToSignIn] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        accounts.report_to(self)

    def add(self, identity: Identity, end: Callable[[], object]) -> BoundToSignIn:
        """Calls `end` when the sign-in ends, unless removed before. If it has ended already that is at once, but not
        within this call."""
        one = BoundToSignIn(identity, end)
        self._bound.add(one)
        self._check_at(self._accounts.ends_at(identity) if self._accounts.is_valid(identity) else self._clock())
        return one

    def remove(self, one: BoundToSignIn) -> None:
        """Forgets something that has ended by itself."""
        self._bound.discard(one)

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def sign_ins_may_have_ended(self) -> None:
        ended = [one for one in self._bound if not self._accounts.is_valid(one.identity)]
        self._bound.difference_update(ended)
        for one in ended:
            one.end()
        moments = (self._accounts.ends_at(one.identity) for one in self._bound)
        self._check_at(min((moment for moment in moments if moment is not None), default=None))

    def _check_at(self, moment: int | None) -> None:
        """Checks at that moment (milliseconds since 1970) what has ended, unless it will check earlier anyway."""
        if moment is None or (self._timer is not None and self._timer_at <= moment):
            return
        if self._timer is not None:
            self._timer.cancel()
        seconds = min(max(0.0, (moment - self._clock()) / 1000), LONGEST_SLEEP_SECONDS)
        self._timer_at = moment
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.sign_ins_may_have_ended()
