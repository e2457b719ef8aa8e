"""Huey on a Redis of its own, never the system's, started for one measurement and stopped after it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.service import ROOT

PEERS = ROOT / "bench" / "peers"
BINARIES = ROOT / ".venv-peers" / "bin"
WORKERS = 2
PATIENCE_SECONDS = 30


class PeerMissing(Exception):
    """Huey or Redis is not installed: `tools/setup bench` installs both."""


class Huey:
    """A running Huey: a Redis, a consumer with two worker processes, and one process that enqueues."""

    def __init__(self, driver: subprocess.Popen[str]) -> None:
        self._driver = driver

    def end_to_end(self, count: int) -> float:
        """Seconds from the first of so many tasks enqueued to the last result read."""
        return self._ask(f"end_to_end {count}")[0]

    def latency(self) -> tuple[float, float]:
        """Seconds from enqueueing one task to its start, and to its result read."""
        started, ended = self._ask("latency")
        return started, ended

    def _ask(self, order: str) -> list[float]:
        assert self._driver.stdin
        assert self._driver.stdout
        print(order, file=self._driver.stdin, flush=True)
        answer: list[float] = json.loads(self._driver.stdout.readline())
        return answer


@contextmanager
def huey(notify: bool) -> Iterator[Huey]:
    """Starts Huey with its defaults, or with `notify_result`, its documented way not to poll for results.

    Raises PeerMissing.
    """
    redis = shutil.which("redis-server")
    if redis is None or not BINARIES.joinpath("huey_consumer").exists():
        raise PeerMissing(PeerMissing.__doc__)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        socket = directory / "redis.sock"
        environment = {**os.environ, "BENCH_REDIS": str(socket), "BENCH_NOTIFY": "yes" if notify else "no"}
        stack.enter_context(_redis(redis, directory, socket))
        consumer = [str(BINARIES / "huey_consumer"), "-q", "-w", str(WORKERS), "-k", "process", "huey_tasks.huey"]
        stack.enter_context(_running(consumer, environment))
        driver = [str(BINARIES / "python"), "huey_driver.py"]
        yield Huey(stack.enter_context(_running(driver, environment)))


@contextmanager
def _redis(binary: str, directory: Path, socket: Path) -> Iterator[None]:
    """Starts Redis with its own defaults: snapshots now and then, nothing durable when it answers."""
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(directory), "--logfile", "redis.log"]
    with _running([binary, *options], os.environ):
        _wait_for(socket)
        yield


def _wait_for(socket: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not socket.exists():
        if time.monotonic() > until:
            raise RuntimeError(f"expected redis-server to listen at {socket}, but it did not")
        time.sleep(0.01)


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=PEERS, env=environment, stdin=pipe, stdout=pipe, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
