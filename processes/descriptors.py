"""How many descriptors a process may have open: the server as many as it is allowed, its children as many as it had."""

from __future__ import annotations

import resource
from contextlib import suppress

MOST_DESCRIPTORS = 65_536
"""More is of no use to the server."""
_at_start: list[int] = []


def descriptor_limit() -> int:
    """Returns the soft limit of this process."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_descriptor_limit() -> None:
    """Raises the soft limit of this process as far as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    _at_start[:] = [soft]
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit_at_start() -> int:
    """Returns the soft limit before it was raised: libraries that look through all descriptors, and those that use
    select(), rely on a low one."""
    return _at_start[0] if _at_start else descriptor_limit()


def restore_descriptor_limit(soft: int) -> None:
    """Lowers the soft limit of this process to what it was."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
