"""Starts the server of any checkout, and talks with it only as others do."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

API = "/openattic/api"
PASSWORD = "recorded"  # noqa: S105  of servers that live as long as a walk
MODULES = Path(__file__).parent / "modules"
PATIENCE_SECONDS = 120
LOOK_SECONDS = 0.03


@dataclass(frozen=True)
class Checkout:
    """A version of Hourglass in a folder, with its `.venv`."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        return [str(self.folder / ".venv/bin/python"), str(self.folder / "server.py"), *arguments]

    def environment(self, gates: Path, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("HOURGLASS_", "PYTHON"))}
        return {
            **ours,
            "PYTHONPATH": str(MODULES),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOURGLASS_WALK_GATES": str(gates),
            "TZ": "UTC",
            "COLUMNS": "100",
            **more,
        }


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A server that runs."""

    checkout: Checkout
    data: Path
    gates: Path
    log: Path
    port: int = 0
    address: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Returns host and port."""
        return self.address.removeprefix("http://").partition("/")[0]

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection(self.place, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Returns JSON of the API, as the admin."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Returns the JSON of an answer. Raises RuntimeError if it is a refusal."""
        sent = None if body is None else json.dumps(body).encode()
        answer = self.request(method, f"{API}/{path}", sent, {"Content-Type": "application/json", **basic()})
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return json.loads(answer.body or b"null")

    def until(self, task: int, holds: Callable[[Any], bool]) -> Any:
        """Returns a task as soon as that is so."""
        return waited(lambda: self.get(f"taskqueue/{task}"), holds, f"task {task}")

    def ended(self, task: int) -> Any:
        return self.until(task, lambda now: now["ended"] is not None and not now["stopping"])

    def at_round(self, task: int, number: int) -> Any:
        return self.until(task, lambda now: now["round"] == number and now["status"] == "Running")

    def open_gates(self, name: str, *numbers: int) -> None:
        for number in numbers:
            (self.gates / f"{name}.{number}").touch()

    def open_gate(self, name: str) -> None:
        (self.gates / name).touch()

    def workers_are_idle(self) -> None:
        waited(
            lambda: self.get("workers")["results"], lambda now: all(one["state"] == "idle" for one in now), "workers"
        )

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout
        self.process.stdout.close()
        return code


def waited(look: Callable[[], Any], holds: Callable[[Any], bool], what: str) -> Any:
    """Returns what is seen as soon as it is as it should be. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {PATIENCE_SECONDS} s, last seen: {seen}")
        time.sleep(LOOK_SECONDS)
    return seen


def basic(name: str = "admin", password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


SETTINGS = ("jobs.modules=recorded_jobs", "test_task.round_seconds=0.06", "server.grace_seconds=1")


@contextmanager
def serving(checkout: Checkout, folder: Path, *settings: str, port: int = 0) -> Iterator[Server]:
    """Starts a server whose log, gates and data lie in `folder`, and ends it."""
    gates = folder / "gates"
    gates.mkdir(parents=True, exist_ok=True)
    server = Server(checkout, folder / "data", gates, folder / "server.log", port)
    start(server, settings)
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.stop()


def start(server: Server, settings: Sequence[str] = ()) -> None:
    """Starts it, or starts it again."""
    options = [word for setting in (*SETTINGS, *settings) for word in ("--set", setting)]
    with open(server.log, "a") as log:
        server.process = subprocess.Popen(
            server.checkout.command(f"--port={server.port}", f"--data-dir={server.data}", *options),
            cwd=server.checkout.folder,
            env=server.checkout.environment(server.gates, HOURGLASS_ADMIN_PASSWORD=PASSWORD),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.process.stdout
    server.address = server.process.stdout.readline().strip()
    if not server.address.startswith("http://"):
        raise RuntimeError(f"expected a server, got: {server.log.read_text()[-2000:]}")
    if not server.get("taskqueue?status=Running&status=Not+Started")["count"]:
        server.workers_are_idle()


def add_viewer(server: Server) -> None:
    """Lets vera look."""
    command = server.checkout.command("user", "add", "vera", f"--data-dir={server.data}")
    environment = server.checkout.environment(server.gates)
    subprocess.run(command, env=environment, input=PASSWORD, text=True, check=True, capture_output=True)
