"""Runs our service as a separate program, as a user starts it, and calls it over one persistent connection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
API = "/openattic/api"
PASSWORD = "bench"
STOP_SECONDS = 60


class Refused(Exception):
    """A call was refused: it cannot be measured here."""


@dataclass(frozen=True)
class Program:
    """A server that has printed its address. `ready_seconds` is the time from its start to that line."""

    address: str
    pid: int
    ready_seconds: float

    @property
    def place(self) -> str:
        """Returns host and port."""
        return urlsplit(self.address).netloc


@contextmanager
def started(command: Sequence[str]) -> Iterator[Program]:
    """Runs a program whose first line of output is its address, and ends it with SIGTERM."""
    environment = {**os.environ, "HOURGLASS_ADMIN_PASSWORD": PASSWORD}
    began = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        address = server.stdout.readline().strip()
        if not address.startswith("http://"):
            raise RuntimeError(f"expected the address of a server from {' '.join(command)}, got {address!r}")
        yield Program(address, server.pid, time.perf_counter() - began)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(STOP_SECONDS)
        server.stdout.close()


@dataclass
class Service:
    """Our service while it runs; all its calls are made as admin."""

    program: Program
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = HTTPConnection(self.program.place, timeout=600)
        given = {"username": "admin", "password": PASSWORD}
        self.headers["Authorization"] = f"Token {self.call('POST', 'api-token-auth', given)['token']}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Returns the answer to a call under `/openattic/api/`. Raises Refused."""
        return json.loads(self.raw(method, f"{API}/{path}", body))

    def raw(self, method: str, url: str, body: object = None) -> bytes:
        """Returns the answer's bytes: nobody decodes them while time is measured."""
        sent = None if body is None else json.dumps(body).encode()
        self._connection.request(method, url, sent, {**self.headers, "Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise Refused(f"{method} {url}: {response.status} {answer[:500].decode()}")
        return answer

    def seconds(self, url: str) -> float:
        """Returns how long a GET takes."""
        began = time.perf_counter()
        self.raw("GET", url)
        return time.perf_counter() - began

    def processes(self) -> list[int]:
        """Returns the server and all that it has started."""
        return [self.program.pid, *_children(self.program.pid)]

    def close(self) -> None:
        self._connection.close()


def _children(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(grandchild for child in found for grandchild in _children(child))]


@contextmanager
def serving(directory: Path, **settings: object) -> Iterator[Service]:
    """Starts our service on a data directory. A setting is named `section__key`."""
    with started(command(directory, **settings)) as program:
        service = Service(program)
        try:
            yield service
        finally:
            service.close()


def command(directory: Path, **settings: object) -> list[str]:
    """Returns the command that serves a data directory on a port of its own.

    Unless the settings say otherwise, nothing is ever removed, and rounds under way are not waited for at the end.
    Starts and stops are not logged.
    """
    chosen = {**dict.fromkeys(retention_settings(), 0), "server__grace_seconds": 0, "log__level": "warning", **settings}
    options = [f"--set={name.replace('__', '.')}={value}" for name, value in chosen.items()]
    return [sys.executable, str(ROOT / "server.py"), "--port=0", f"--data-dir={directory}", *options]


def retention_settings() -> list[str]:
    """Returns the names of all settings of config.ini that have something removed after some days; 0 is never."""
    parser = ConfigParser()
    parser.read(ROOT / "config.ini", encoding="utf-8")
    return [f"retention__{key}" for key in parser["retention"] if key.endswith("_days")]
