"""Limits how many pools all workers of a server together ask a cluster's manager about.

The manager of Ceph 16 and 18 dies of the fifteenth pool or namespace that it is asked about within a minute, whoever
asks. No task can know what others have asked, so each query is first recorded in a file of the data directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from urllib.parse import quote

MOST_ASKED = 10
"""The pools and namespaces about which a manager is asked separately; the rest are left for the cluster's own tools."""
FORGOTTEN_SECONDS = 90.0
"""A manager forgets a query 60 s after it was last asked, but only removes such queries now and then."""
NOTED_AGAIN_SECONDS = 10.0
LARGEST_NOTES_BYTES = 64 * 1024


class QueryBudget:
    """Decides which queries may be sent. Without a path it only knows those of this object."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._own: dict[str, float] = {}

    def may_ask(self, spec: str) -> bool:
        """Records the query and returns True, unless it would be one too many or cannot be recorded.

        Times are those of a clock that all processes share and that starts again when the machine does.
        """
        if self._path is None:
            return _noted(self._own, spec, time.monotonic())
        try:
            return _noted_in(self._path, spec)
        except OSError:  # if the disk is full, for example: less is measured then, but no manager dies
            return False


def query_budget_path(data_dir: str, fsid: str) -> str:
    return os.path.join(data_dir, f"questions-{quote(fsid, safe='')}.json")


def _noted_in(path: str, spec: str) -> bool:
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        now = time.monotonic()
        asked = _read(file.read(LARGEST_NOTES_BYTES))
        if now - NOTED_AGAIN_SECONDS < asked.get(spec, 0.0) <= now:
            return True
        may_ask = _noted(asked, spec, now)
        if may_ask:
            text = json.dumps(asked).encode()
            file.seek(0)
            file.write(text)
            file.truncate()
        return may_ask


def _read(text: bytes) -> dict[str, float]:
    """Returns the recorded queries; a file that is damaged or truncated counts as empty."""
    try:
        asked = json.loads(text)
        return {str(spec): float(at) for spec, at in asked.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _noted(asked: dict[str, float], spec: str, now: float) -> bool:
    for old in [one for one, at in asked.items() if not now - FORGOTTEN_SECONDS < at <= now]:
        del asked[old]
    if spec not in asked and len(asked) >= MOST_ASKED:
        return False
    asked[spec] = now
    return True
