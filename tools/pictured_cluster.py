"""A throw-away cluster for pictures of the page, with images that somebody uses: it ends with this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.service import ROOT

SETTINGS = {"OSDS": "3", "MAX_MISPLACED": "0.05"}


@contextmanager
def pictured_cluster() -> Iterator[Path]:
    """Its directory, with ceph.conf and what `make ceph` has. Raises RuntimeError where it cannot be started."""
    directory = Path(tempfile.mkdtemp(prefix="hourglass-pictures-"))
    command = [str(ROOT / "tools" / "ceph-cluster"), "run", str(directory)]
    keeper = subprocess.Popen(
        command, env={**os.environ, **SETTINGS}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert keeper.stdout
        if keeper.stdout.readline() != "ready\n":
            raise RuntimeError("no Ceph cluster could be started; what it said is above")
        subprocess.run([sys.executable, "-m", "tools.demo_images", directory / "ceph.conf"], cwd=ROOT, check=True)
        with _load(directory):
            yield directory
    finally:
        keeper.communicate()


@contextmanager
def _load(directory: Path) -> Iterator[None]:
    load = subprocess.Popen([sys.executable, "-m", "tools.demo_load", directory], cwd=ROOT)
    try:
        yield
    finally:
        load.terminate()
        load.wait()


@contextmanager
def hung(directory: Path, daemon: str) -> Iterator[None]:
    """A daemon that is there and answers nothing."""
    pid = int((directory / "run" / f"{daemon}.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
