"""The lease under which a host runs jobs: until when it may, and from when on the server may run their tasks elsewhere.

A *beat* is the number of an answer that the host gives. The host notes when it sent a beat, the server when it received
it. A later call of the server confirms a beat. From then on the host may run jobs until `seconds` after it *sent* that
beat, and the server may give its tasks away `seconds` and a margin after it *received* the last beat that it confirmed.

Nothing is received before it is sent, so the server always waits for longer than the host runs, however calls are
delayed, lost or repeated. A lease that counted from the confirmation would be longer than the server knows if that call
was delayed. Clocks need not agree: only their rates have to, within a tenth.

Pure: times are arguments, in seconds, of a clock that never jumps and also counts while the machine is suspended
(`CLOCK_BOOTTIME`).
"""

from __future__ import annotations

from collections.abc import Iterable

LEAST_MARGIN_SECONDS = 3.0
MARGIN_SHARE = 0.1
"""The difference between the rates of two clocks that is allowed, as a share of the lease."""
MOST_BEATS = 100
"""How many beats a host remembers. To confirm one that it has forgotten extends nothing."""


def margin_seconds(seconds: float) -> float:
    """Returns how long the server waits after the end of a lease of so many seconds."""
    return max(LEAST_MARGIN_SECONDS, MARGIN_SHARE * seconds)


class HostLease:
    """The host's side. A lease begins with the first confirmation, and once it is over it stays so."""

    def __init__(self, seconds: float) -> None:
        self.ends_at: float | None = None
        """None as long as nothing was confirmed: then no job runs yet."""
        self._seconds = seconds
        self._beat = 0
        self._sent: dict[int, float] = {}

    def beat(self, now: float) -> int:
        """Returns the beat of an answer that is about to be sent."""
        self._beat += 1
        self._sent[self._beat] = now
        self._forget(beat for beat in tuple(self._sent) if beat <= self._beat - MOST_BEATS)
        return self._beat

    def confirm(self, beat: int, now: float) -> bool:
        """Extends the lease, since a call confirmed this beat. Returns False if the lease was over by then."""
        if self.is_over(now):
            return False
        sent = self._sent.get(beat)
        if sent is not None:
            self.ends_at = sent + self._seconds
            self._forget(earlier for earlier in tuple(self._sent) if earlier < beat)
        return not self.is_over(now)

    def is_over(self, now: float) -> bool:
        """Returns whether all jobs must be dead."""
        return self.ends_at is not None and now >= self.ends_at

    def _forget(self, beats: Iterable[int]) -> None:
        for beat in beats:
            del self._sent[beat]


class ServerLease:
    """The server's side, for one session of a host."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._beat = 0
        self._received_at: float | None = None
        self._confirmed: tuple[int, float] | None = None

    def receive(self, beat: int, now: float) -> None:
        """Notes when an answer with this beat was received. Answers may come late, and in any order."""
        if beat > self._beat:
            self._beat, self._received_at = beat, now

    def confirm(self) -> int:
        """Returns the beat that the next call confirms, 0 if none was received yet. The call counts as arrived, even if
        it never is."""
        if self._received_at is not None:
            self._confirmed = self._beat, self._received_at
        return self._beat

    @property
    def ends_at(self) -> float | None:
        """Returns from when on the tasks may be run elsewhere; None if nothing was confirmed, so that none runs."""
        if self._confirmed is None:
            return None
        return free_at(self._confirmed[1], self._seconds)

    def is_over(self, now: float) -> bool:
        """Returns whether all jobs of the session are dead by now, or never began."""
        return self.ends_at is None or now >= self.ends_at


def free_at(last_confirmed: float, seconds: float) -> float:
    """Returns when the tasks of a host that cannot be reached may be run elsewhere.

    `last_confirmed` is when a beat was received after which none was confirmed. A server that has just started passes
    the time of its start, and the longest lease that servers before it have granted.
    """
    return last_confirmed + seconds + margin_seconds(seconds)
