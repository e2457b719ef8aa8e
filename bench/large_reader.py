"""Measures the reader of a large cluster: the size of its messages, and whether its memory grows."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench.figures import Row
from bench.memory import pss_bytes
from ceph.reader.messages import ImagesRead, StateRead
from ceph.reader.reader import ReaderSettings
from ceph.reader.watch import ClusterWatch
from ceph.settings import ClusterSettings
from processes.framing import LARGEST_MESSAGE_BYTES, encode

READS = 200
WARM_READS = 10
MOST_GROWTH = 1.1


def measure(conf: Path) -> list[Row]:
    """Measures a reader that the server's own code starts and asks, in this process."""
    return asyncio.run(_measure(conf))


async def _measure(conf: Path) -> list[Row]:
    watch = ClusterWatch("large", ReaderSettings(cluster=ClusterSettings(conf=str(conf))))
    watch.start()
    try:
        await _read(watch, WARM_READS)
        before = _threads_and_bytes()
        await _read(watch, READS)
        after = _threads_and_bytes()
        sizes = {
            "the cluster's state and all pools": len(encode(StateRead(0, (await watch.state.get()).value))),
            "all images": len(encode(ImagesRead(0, (await watch.images.get()).value))),
        }
    finally:
        await watch.stop()
    return [_memory_row(before, after), *(_message_row(what, size) for what, size in sizes.items())]


async def _read(watch: ClusterWatch, times: int) -> None:
    for _ in range(times):
        await asyncio.gather(watch.state.get(fresh=True), watch.images.get(fresh=True))


def _threads_and_bytes() -> tuple[int, int]:
    pid = _reader_pid()
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return threads, pss_bytes(pid)


def _reader_pid() -> int:
    """Returns the process id of the one child that multiprocessing has spawned."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    (pid,) = (int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes())
    return pid


def _memory_row(before: tuple[int, int], after: tuple[int, int]) -> Row:
    what = f"memory of the reader after {READS} reads of pools and of images ÷ after {WARM_READS}"
    threads = f"{after[0]} threads, {before[0]} before"
    ours, other = (f"{bytes_held / 1e6:.1f} MB" for _, bytes_held in (after, before))
    return Row("memory", f"{what}; {threads}", ours, other, after[1] / before[1], f"≤ {MOST_GROWTH:.2f}")


def _message_row(what: str, size: int) -> Row:
    ours, limit = f"{size / 1000:,.0f} kB", f"{LARGEST_MESSAGE_BYTES / 1000:,.0f} kB"
    return Row("message", f"the reader's message with {what}", ours, limit, size / LARGEST_MESSAGE_BYTES, "≤ 1.00")
