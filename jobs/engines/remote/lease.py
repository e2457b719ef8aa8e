"""The lease under which a host runs jobs: when it must kill them, and when the server may run their tasks elsewhere.

A *beat* is the time at which the host sends an answer, by its own clock. The next call of the server confirms the
latest beat that it has received. From then on the host may run jobs until `seconds` after it *sent* that beat, and the
server may give their tasks away `seconds` and a margin after it *received* it. The first beat comes with the answer to
the hello; the lease begins with it, unconfirmed, since no job runs before the next call.

Nothing is received before it is sent, so the server always waits for longer than the host runs, however calls are
delayed, lost or repeated. A lease counted from the confirmation would be longer than the server knows if that call were
delayed. The clocks need not agree; only their rates must, within a tenth.

Pure: times are arguments, in seconds, of a clock that never jumps and also counts while the machine is suspended
(`CLOCK_BOOTTIME`).
"""

from __future__ import annotations

LEAST_MARGIN_SECONDS = 3.0
MARGIN_SHARE = 0.1
"""The difference between the rates of two clocks that is allowed, as a share of the lease."""
MOST_KILL_SECONDS = 1.0


def margin_seconds(seconds: float) -> float:
    """Returns how long the server waits after the end of a lease of so many seconds."""
    return max(LEAST_MARGIN_SECONDS, MARGIN_SHARE * seconds)


def kill_seconds(seconds: float) -> float:
    """Returns how long before the end of its lease the host begins to kill. The margin leaves no time for that if the
    rates of the clocks differ."""
    return min(MOST_KILL_SECONDS, 0.1 * seconds)


def free_at(received_at: float, seconds: float) -> float:
    """Returns when the tasks of a host may run elsewhere, if the latest beat that was confirmed was received then.

    A server that has just started passes the time of its start, and the longest lease that servers before it have
    granted. None of them may call a host any more by then, not even one that was stopped and wakes up.
    """
    return received_at + seconds + margin_seconds(seconds)


class HostLease:
    """The host's side."""

    def __init__(self, seconds: float, now: float) -> None:
        self._runs_seconds = seconds - kill_seconds(seconds)
        self.runs_until = now + self._runs_seconds
        """When the host must begin to kill, so that all jobs are dead at the end of the lease."""

    def confirm(self, beat: float) -> None:
        """Extends the lease, unless a later beat was confirmed before. Call only if it is not over."""
        self.runs_until = max(self.runs_until, beat + self._runs_seconds)

    def is_over(self, now: float) -> bool:
        """Returns whether no job may run any more."""
        return now >= self.runs_until


class ServerLease:
    """The server's side, for one session of a host."""

    def __init__(self, seconds: float, beat: float, now: float) -> None:
        self._seconds = seconds
        self._beat, self._received_at = beat, now
        self.ends_at = free_at(now, seconds)
        """When the tasks may run elsewhere."""

    def receive(self, beat: float, now: float) -> None:
        """Notes when an answer with this beat was received. Answers may come late, repeatedly and in any order."""
        if beat > self._beat:
            self._beat, self._received_at = beat, now

    def confirm(self) -> float:
        """Returns the beat that the next call confirms. Counts that call as arrived, since it may be."""
        self.ends_at = free_at(self._received_at, self._seconds)
        return self._beat
