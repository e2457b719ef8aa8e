"""Which pools a cluster's manager was asked about lately, by all workers of a server together.

The manager of Ceph 16 and 18 dies of the fifteenth pool or namespace whose images it is to tell of within a minute,
whoever asks. No task can know what others have asked, so each question is noted in a file of the data directory first.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from urllib.parse import quote

MOST_ASKED = 10
"""Pools and namespaces of which a manager is asked by themselves: the others are left to tools of the cluster's own."""
FORGOTTEN_SECONDS = 90.0
"""A manager forgets a question 60 s after it was last asked, and looks for those now and then."""
NOTED_AGAIN_SECONDS = 10.0
LARGEST_NOTES_BYTES = 64 * 1024


class QueryBudget:
    """Says which questions may be asked. Without a path it knows only of those of this object."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._own: dict[str, float] = {}

    def may_ask(self, spec: str) -> bool:
        """Notes the question and returns True, unless it would be one too many, or cannot be noted.

        Times are those of a clock that all processes share and that begins anew with the machine.
        """
        if self._path is None:
            return _noted(self._own, spec, time.monotonic())
        try:
            return _noted_in(self._path, spec)
        except OSError:  # as when the disk is full: less is measured then, and no manager dies
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
    """What is no such file, as one that was cut short, counts as empty."""
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
