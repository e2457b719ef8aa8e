"""What can go wrong with a Ceph cluster. A class's docstring is its message and says what to do next.

HourglassError (jobs.errors)
└── ClusterError            the cluster refused or did not answer: 409
    ├── ClusterUnavailable  it does not answer, or refuses the key: 503
    ├── ClusterRefused      it answered, and refused
    ├── TargetChanged       somebody else has set another target
    └── Hangs               librbd did not return in time
"""

from __future__ import annotations

from errno import ECONNREFUSED, ENOTCONN, ESHUTDOWN, ETIMEDOUT, errorcode

from jobs.errors import HourglassError

SILENCES = frozenset({ETIMEDOUT, ENOTCONN, ECONNREFUSED, ESHUTDOWN})
"""The errnos of librados for a cluster that does not answer."""


class ClusterError(HourglassError):
    """The Ceph cluster refused or did not answer; see whether it is up, then try again."""

    def __init__(self, text: str = "", errno: int = 0) -> None:
        self.text = text
        """The message without the error number."""
        self.errno = errno
        """The error number of the cluster or of librados, 0 if there is none."""
        named = f" (errno {errno}, {errorcode[errno]})" if errno in errorcode else ""
        super().__init__(f"{text}{named}" if text else "")


class ClusterUnavailable(ClusterError):
    """The Ceph cluster does not answer, or refuses the key; see whether it is up, then try again."""

    was_reached = False
    """Whether the cluster was reached before. If so, a key that is refused or a file that is wrong may be about to be
    replaced."""

    @property
    def is_silence(self) -> bool:
        """Returns whether nobody answered in time. That may pass by itself, unlike a wrong key or a missing conf
        file."""
        return self.errno in SILENCES


class ClusterRefused(ClusterError):
    """The Ceph cluster refused; its own words say why."""


class TargetChanged(ClusterError):
    """Somebody else has set another target meanwhile; look at what the cluster does now."""


class Hangs(ClusterError):
    """librbd did not return in time; the process that waited for it was killed."""
