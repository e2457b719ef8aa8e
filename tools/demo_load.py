"""Keeps some images of the cluster of `make ceph` busy, modestly and each with a tide of its own.

`python -m tools.demo_load DIRECTORY` goes on until SIGTERM, or until the cluster in the directory has been stopped. It
writes the same ranges again and again, so that the cluster does not grow.
"""

from __future__ import annotations

import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import rados
import rbd

from tools.demo_images import POOL

OPTIONS = {"client_mount_timeout": "10", "rados_mon_op_timeout": "10", "rados_osd_op_timeout": "10"}
ROUND_SECONDS = 0.25
GIVE_UP_SECONDS = 3
LOOK_SECONDS = 1.0
RETRY_SECONDS = 2.0
CHANCE = random.Random()  # noqa: S311 - nobody gains by guessing it


class Load(NamedTuple):
    """What an image gets: on average so many operations a second, of which a share are reads."""

    image: str
    per_second: float
    reads: float
    operation_bytes: int
    range_bytes: int
    tide_seconds: float


LOADS = [
    Load("web", per_second=30, reads=0.9, operation_bytes=16 << 10, range_bytes=60 << 20, tide_seconds=90),
    Load("database", per_second=50, reads=0.5, operation_bytes=8 << 10, range_bytes=120 << 20, tide_seconds=150),
    Load("mail", per_second=15, reads=0.3, operation_bytes=32 << 10, range_bytes=40 << 20, tide_seconds=60),
]


def operations_due(load: Load, at_seconds: float, span_seconds: float) -> float:
    """Returns how many operations belong to a span of time: the average, swelling and falling by 80 % with the tide."""
    tide = 1 + 0.8 * math.sin(2 * math.pi * at_seconds / load.tide_seconds)
    return load.per_second * span_seconds * tide


def operate(image: rbd.Image, load: Load) -> None:
    offset = CHANCE.randrange(load.range_bytes // load.operation_bytes) * load.operation_bytes
    if CHANCE.random() < load.reads:
        image.read(offset, load.operation_bytes)
    else:
        image.write(os.urandom(load.operation_bytes), offset)


def is_there(directory: Path) -> bool:
    """Returns whether the cluster is meant to run: stopping it removes this file, the death of its monitor does not."""
    return (directory / "run" / "mon.a.pid").exists()


@contextmanager
def opened(directory: Path) -> Iterator[list[tuple[rbd.Image, Load]]]:
    with ExitStack() as stack:
        cluster = stack.enter_context(rados.Rados(conffile=str(directory / "ceph.conf"), conf=OPTIONS))
        ioctx = stack.enter_context(cluster.open_ioctx(POOL))
        yield [(stack.enter_context(rbd.Image(ioctx, load.image)), load) for load in LOADS]


def keep_busy(directory: Path, ended: threading.Event) -> None:
    """Until the end or the first error."""
    with opened(directory) as images:
        due = dict.fromkeys(LOADS, 0.0)
        while not ended.wait(ROUND_SECONDS):
            for image, load in images:
                due[load] += operations_due(load, time.monotonic(), ROUND_SECONDS)
                due[load] -= run_due(image, load, int(due[load]), ended)


def run_due(image: rbd.Image, load: Load, count: int, ended: threading.Event) -> int:
    for number in range(count):
        if ended.is_set():
            return number
        operate(image, load)
    return count


def end_in_time(directory: Path, ended: threading.Event) -> None:
    """A call into a cluster that is gone keeps its thread: then this one ends the process and keeps the images."""
    while is_there(directory) and signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS) is None:
        pass
    ended.set()
    time.sleep(GIVE_UP_SECONDS)
    os._exit(1)


def main(directory: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # in the threads of rados as well: one waits for it
    ended = threading.Event()
    threading.Thread(target=end_in_time, args=(directory, ended), daemon=True).start()
    while not ended.is_set():
        try:
            keep_busy(directory, ended)
        except (rados.Error, rbd.Error) as error:
            print(f"waiting for the cluster: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            ended.wait(RETRY_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
