"""Counts wrong passwords, and locks out whoever gives too many. Pure: the time is an argument, in milliseconds."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from jobs.clock import MINUTE_MS
from jobs.errors import TooManyAttempts

WINDOW_MS = MINUTE_MS
MOST_REMEMBERED = 10_000

Who = tuple[str, str]
"""A name, and the address that it comes from."""


@lru_cache(1024)
def network_of(address: str) -> str:
    """Returns whom an address stands for: itself, or the /64 of IPv6, which one machine has to itself."""
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
    """Wrong passwords of the last minute, and lock-outs; bounded."""

    def __init__(self, most_wrong: int, lockout_seconds: float) -> None:
        self._most_wrong = most_wrong
        self._lockout_ms = round(lockout_seconds * 1000)
        self._recent: OrderedDict[Who, list[int]] = OrderedDict()
        """The times of the last wrong passwords, the newest last."""
        self._locked: OrderedDict[Who, int] = OrderedDict()
        """Until when no password is checked; the lock-out that ends first comes first."""

    def __len__(self) -> int:
        return len(self._recent) + len(self._locked)

    def check(self, who: Who, now: int) -> None:
        """Raises TooManyAttempts during a lock-out."""
        left = self._locked.get(who, now) - now
        if left > 0:
            raise TooManyAttempts(-(-left // 1000))

    def wrong(self, who: Who, now: int) -> bool:
        """Counts one more wrong password; returns whether it begins a lock-out."""
        times = [*(time for time in self._recent.get(who, ()) if time > now - WINDOW_MS), now]
        self._recent[who] = times
        self._recent.move_to_end(who)
        is_too_many = len(times) >= self._most_wrong
        if is_too_many:
            del self._recent[who]
            self._locked[who] = now + self._lockout_ms
            self._locked.move_to_end(who)
        self._make_room(now)
        return is_too_many

    def right(self, who: Who) -> None:
        """Forgets earlier wrong passwords, and ends a lock-out."""
        self._recent.pop(who, None)
        self._locked.pop(who, None)

    def _make_room(self, now: int) -> None:
        """Makes room: guesses at other names never end a lock-out, but of too many lock-outs those that end next do."""
        if len(self._recent) > MOST_REMEMBERED:
            self._recent.popitem(last=False)
        while self._locked and (len(self._locked) > MOST_REMEMBERED or next(iter(self._locked.values())) <= now):
            self._locked.popitem(last=False)
