"""A process that writes to images of a pool until SIGTERM: `python -m tests.support.image_load CONF POOL RATE NAME…`.

So many times a second it writes 4 KiB to each of them. It says "ready" when all have been written to once. SIGTERM ends
it in good order, so that no lock of an image remains.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK_BYTES = 4096
BLOCKS = 1024


@contextmanager
def written_to(cluster, pool: str, names: Sequence[str], rate: float = 20) -> Iterator[None]:
    """While inside, something writes to these images."""
    command = [sys.executable, "-m", "tests.support.image_load", str(cluster.conf), pool, str(rate), *names]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.terminate()
        process.communicate()


def main(conf: str, pool: str, rate: float, names: Sequence[str]) -> None:
    import rados
    import rbd

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with ExitStack() as opened:
        cluster = opened.enter_context(rados.Rados(conffile=conf))
        context = opened.enter_context(cluster.open_ioctx(pool))
        images = [opened.enter_context(rbd.Image(context, name)) for name in names]
        write_each(images)
        print("ready", flush=True)
        while not stop.is_set():
            began = time.monotonic()
            write_each(images)
            stop.wait(max(0.0, 1 / rate - (time.monotonic() - began)))


def write_each(images: Sequence) -> None:
    """One write to each, all at once."""
    written = [threading.Event() for _ in images]
    for image, event in zip(images, written, strict=True):
        data = os.urandom(BLOCK_BYTES)
        image.aio_write(data, random.randrange(BLOCKS) * BLOCK_BYTES, lambda _, event=event: event.set())
    for event in written:
        event.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:])
