"""What lasts only as long as a sign-in, and ends with it: WebSockets and waiting calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from accounts.accounts import Accounts, Identity
from jobs.clock import wall_clock

LONGEST_SLEEP_SECONDS = 60.0
"""A clock that is set, or a machine that slept, delays the end of a session by no more than this."""


class Lasting:
    """Something that is to be ended with a sign-in."""

    def __init__(self, identity: Identity, end: Callable[[], object]) -> None:
        self.identity = identity
        self.end = end


class SignIns:
    """Ends each thing when its sign-in ends: by a change of the accounts, or by age, for which there is one timer."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int] = wall_clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._lasting: set[Lasting] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        accounts.on_change = self._end_all_ended

    def add(self, identity: Identity, end: Callable[[], object]) -> Lasting:
        """Calls `end` when the sign-in ends, unless it is removed before; at once, but not within this call."""
        one = Lasting(identity, end)
        self._lasting.add(one)
        self._look_again(self._accounts.ends_at(identity) if self._accounts.is_valid(identity) else self._clock())
        return one

    def remove(self, one: Lasting) -> None:
        """It has ended by itself."""
        self._lasting.discard(one)

    def close(self) -> None:
        """Ends nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _end_all_ended(self) -> None:
        ended = [one for one in self._lasting if not self._accounts.is_valid(one.identity)]
        self._lasting.difference_update(ended)
        for one in ended:
            one.end()
        moments = (self._accounts.ends_at(one.identity) for one in self._lasting)
        self._look_again(min((moment for moment in moments if moment is not None), default=None))

    def _look_again(self, moment: int | None) -> None:
        """Looks at that moment (milliseconds since 1970) which ones have ended, if it does not look earlier anyway."""
        if moment is None or (self._timer is not None and self._timer_at <= moment):
            return
        if self._timer is not None:
            self._timer.cancel()
        seconds = min(max(0.0, (moment - self._clock()) / 1000), LONGEST_SLEEP_SECONDS)
        self._timer_at = moment
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._end_all_ended()
