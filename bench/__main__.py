"""Goal 1: durable `POST taskqueue/test_task` over 32 connections, against a bare Tornado JSON POST in the same run."""

from __future__ import annotations

import base64
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import tornado
import uvloop

from bench.load import posts_a_second

ROOT = Path(__file__).parents[1]
CONNECTIONS = 32
REQUESTS = 6400
RUNS = 5
GOAL = 0.80
BODY = b'{"times": 1}'


def main() -> None:
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        bare = stack.enter_context(_server([sys.executable, "-m", "bench.bare"]))
        ours = stack.enter_context(_server(_our_command(directory)))
        headers = {"Authorization": "Basic " + base64.b64encode(b"admin:bench").decode()}
        url = f"{ours}api/taskqueue/test_task"
        _measure(url, headers, CONNECTIONS)
        pairs = [(_measure(url, headers, REQUESTS), _measure(bare, {}, REQUESTS)) for _ in range(RUNS)]
    _report(pairs)


def _our_command(directory: str) -> list[str]:
    """Tasks only wait here: what runs them would take the second core from the one that measures."""
    options = ["--port=0", f"--data-dir={directory}", "--set", "workers.count=1", "--set", "test_task.round_seconds=60"]
    return [sys.executable, str(ROOT / "server.py"), *options]


@contextmanager
def _server(command: list[str]) -> Iterator[str]:
    environment = {**os.environ, "HOURGLASS_ADMIN_PASSWORD": "bench"}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


def _measure(url: str, headers: dict[str, str], requests: int) -> float:
    return uvloop.run(posts_a_second(url, BODY, headers, CONNECTIONS, requests))


def _report(pairs: list[tuple[float, float]]) -> None:
    versions = f"Python {platform.python_version()}, tornado {tornado.version}, SQLite {sqlite3.sqlite_version}"
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    ours = statistics.median(ours for ours, _ in pairs)
    bare = statistics.median(bare for _, bare in pairs)
    print(f"{versions}, {os.cpu_count()} cores, {RUNS} pairs in turn, medians")
    print(f"durable POST taskqueue/test_task  {ours:8,.0f}/s")
    print(f"bare Tornado JSON POST            {bare:8,.0f}/s")
    print(f"ratio                             {ratio:8.2f}    (goal: at least {GOAL:.2f})")


if __name__ == "__main__":
    main()
