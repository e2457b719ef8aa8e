"""Finds out why the module of a manager that measures images does not work, and what helps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from errno import EINVAL, EIO, EOPNOTSUPP
from typing import Any

from ceph.connection.cluster import Cluster
from ceph.errors import ClusterRefused
from ceph.state import Check

MODULE = "rbd_support"
LACKS_SOMETHING = "MGR_MODULE_DEPENDENCY"
FAILED = "MGR_MODULE_ERROR"
UNHANDLED = {EINVAL, EIO, EOPNOTSUPP}
"""The errnos with which a manager answers a command of a module that is not loaded, has failed, or is disabled."""
MOST_CHARACTERS = 500

INSTALL = "Install what is missing on each host with a ceph-mgr, then restart the ceph-mgr."
REPLACE_BCRYPT = (
    "In Debian 13 managers cannot import python3-bcrypt: put an empty bcrypt.py into a directory that "
    "comes first on the PYTHONPATH of each ceph-mgr, then restart the ceph-mgr."
)
READ_LOG = "The log of the ceph-mgr says why; restart the ceph-mgr once that is repaired."


def error_of_module(cluster: Cluster, checks: Iterable[Check]) -> str | None:
    """Returns why the manager cannot measure images; None if no health check says so. Raises ClusterError."""
    if not any(check.code in (LACKS_SOMETHING, FAILED) for check in checks):
        return None
    return why_failing(cluster.ask("health", detail="detail"))


def explained(cluster: Cluster, refused: ClusterRefused) -> ClusterRefused:
    """Returns the refusal of a command of the module; if the module does not work, with a message that says why."""
    if refused.errno not in UNHANDLED:
        return refused
    why = why_failing(cluster.ask("health", detail="detail"))
    if why is None and refused.text.startswith("No handler found"):
        why = f"{refused.text}: it belongs to the manager's module {MODULE}; does `ceph mgr module ls` list that?"
    return ClusterRefused(why or refused.text, refused.errno)


def why_failing(health: Mapping[str, Any]) -> str | None:
    """Returns what the answer to `health detail` says about the module, and what helps; None if it says nothing."""
    for code in (LACKS_SOMETHING, FAILED):
        for detail in health.get("checks", {}).get(code, {}).get("detail", []):
            if f"'{MODULE}'" in detail["message"]:
                said = detail["message"][:MOST_CHARACTERS].rstrip(".")
                trouble = f"the manager cannot use its module {MODULE}, so images cannot be measured"
                return f"{trouble}. `ceph health detail` says {code}: {said}. {_remedy(code, said)}"
    return None


def _remedy(code: str, said: str) -> str:
    if code == FAILED:
        return READ_LOG
    return REPLACE_BCRYPT if "PyO3" in said else INSTALL
