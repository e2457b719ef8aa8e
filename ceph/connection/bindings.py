"""Finds Ceph's Python bindings, which come from the distribution, not from PyPI."""

from __future__ import annotations

from importlib.util import find_spec

MODULES = ("rados", "rbd")
PACKAGES = "python3-rados python3-rbd"


def missing() -> str | None:
    """Returns which bindings are missing and how to install them; None if they are there. Imports nothing."""
    absent = [name for name in MODULES if find_spec(name) is None]
    if not absent:
        return None
    verb = "is" if len(absent) == 1 else "are"
    return (
        f"Ceph's Python bindings ({' and '.join(absent)}) {verb} missing: "
        f"install the packages {PACKAGES.replace(' ', ' and ')} (apt-get install {PACKAGES}) and start again"
    )
