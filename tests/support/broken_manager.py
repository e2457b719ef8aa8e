"""A cluster whose manager cannot use the module that measures images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.cluster import Cluster

ROOT = Path(os.environ.get("CEPH_ROOT") or "/")
IS_BROKEN_AS_PACKAGED = "VERSION_CODENAME=trixie\n" in (ROOT / "etc" / "os-release").read_text()


@contextmanager
def broken_manager(directory: Path, as_packaged: bool = False) -> Iterator[tuple[Cluster, str]]:
    """The cluster, with an image rbd/disk, and what `ceph health detail` says of the module.

    The module fails as it is imported, or, `as_packaged`, because Debian 13's packages do not fit together.
    """
    cluster = Cluster.start()
    try:
        cluster.create_pool("rbd")
        cluster.create_image("rbd", "disk")
        cluster.kill_daemon("mgr.x")
        if as_packaged:
            cluster.start_daemon("mgr.x", MGR_PYTHONPATH="/nowhere")
        else:
            cluster.start_daemon("mgr.x", MGR_MODULES=str(modules_with_a_broken_one(directory)))
        yield cluster, cluster.wait_until(lambda: said_of_module(cluster), what="a module that fails")
    finally:
        cluster.close()


def modules_with_a_broken_one(directory: Path) -> Path:
    """Those of the packages, but for the one that measures images."""
    for module in (ROOT / "usr" / "share" / "ceph" / "mgr").iterdir():
        if module.name != "rbd_support":
            (directory / module.name).symlink_to(module)
    (directory / "rbd_support").mkdir()
    (directory / "rbd_support" / "__init__.py").write_text("raise ImportError('broken by a test')")
    return directory


def said_of_module(cluster: Cluster) -> str | None:
    checks = cluster.command("health", detail="detail")["checks"].values()
    messages = (detail["message"] for check in checks for detail in check["detail"])
    return next((message for message in messages if "'rbd_support'" in message), None)


def assert_explains(words: str, said: str) -> None:
    """They name the module, repeat what the cluster says of it, and say what helps."""
    begin = "he manager cannot use its module rbd_support, so images cannot be measured. `ceph health detail` says MGR_"
    assert words[1:].startswith(begin)
    _, found, after = words.partition(said)
    assert found, words
    assert "restart the ceph-mgr" in after
