"""The real server as a program of its own, as a user starts it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from storage.sqlite.accounts import accounts_beside_server
from tests.support.accounts import CHEAP_HASHER, user_command

ROOT = Path(__file__).parents[2]
PASSWORD = "a password for tests"
JOBS = "tests.faults.misbehaving_jobs"
PATIENCE_SECONDS = 60
CHEAP_HASH = CHEAP_HASHER.hash(PASSWORD)


def add_cheap_admin(data_dir: Path) -> None:
    """Creates the database with the user `admin`, unless it is there, as `server.py user add` does without a server."""
    if not (data_dir / "hourglass.db").exists():
        adding = accounts_beside_server(data_dir).add_first_admin(CHEAP_HASH, int(time.time() * 1000))
        with suppress(StopIteration):
            adding.send(None)  # it waits for nothing


class Service:
    """One data directory, and the server that has it at the moment, with one worker unless a test needs more."""

    def __init__(self, directory: Path, workers: int = 1) -> None:
        self.directory = directory
        self.workers_setting = f"workers.count={workers}"
        self.options: list[str] = []
        self.program = [sys.executable, str(ROOT / "server.py")]
        self.server: subprocess.Popen[str] | None = None
        self.address = ""
        self.base = ""

    def start(self, *options: str) -> Service:
        self.options = list(options) or self.options
        command = [*self.program, "--port=0", f"--data-dir={self.directory / 'data'}"]
        settings = [self.workers_setting, f"jobs.modules={JOBS}", "test_task.round_seconds=0.06"]
        add_cheap_admin(self.directory / "data")
        self.log = open(self.directory / "server.log", "a")  # noqa: SIM115  the server has it as long as it lives
        self.server = subprocess.Popen(
            [*command, *(word for setting in settings for word in ("--set", setting)), *self.options],
            cwd=ROOT,
            env={**os.environ, "HOURGLASS_ADMIN_PASSWORD": PASSWORD},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.address = self.server.stdout.readline().strip()
        assert self.address.startswith("http://"), (self.directory / "server.log").read_text()
        self.base = self.address.removesuffix("/openattic/")
        return self

    def kill(self) -> None:
        self.server.kill()
        self.wait()

    def terminate(self) -> None:
        self.server.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        self.terminate()
        return self.wait()

    def wait(self) -> int:
        code = self.server.wait(PATIENCE_SECONDS)
        self.server.stdout.close()
        self.log.close()
        return code

    def close(self) -> None:
        if self.server is not None and self.server.returncode is None:
            self.kill()

    def log_with(self, words: str) -> str:
        """All that is logged, as soon as these words are: lines are written beside what they tell of."""
        end = time.monotonic() + PATIENCE_SECONDS
        while words not in (told := (self.directory / "server.log").read_text()):
            assert time.monotonic() < end, f"{words!r} was not logged: {told[-2000:]}"
            time.sleep(0.02)
        return told

    def user(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        code, said, complained = user_command(*words, f"--data-dir={self.directory / 'data'}", given=given.encode())
        return subprocess.CompletedProcess(words, code, said, complained)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


OPEN_EVENTS: list[Events] = []
"""Of the present test: whatever it leaves open is closed with its loop."""


async def close_events() -> None:
    while OPEN_EVENTS:
        OPEN_EVENTS.pop().close()


class Answer:
    """What the server said."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.code
        self.headers = response.headers
        self.kind = response.headers.get("Content-Type", "")
        self.body = response.body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def basic(name: str = "admin", password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class Client:
    """Calls the API, as admin unless told otherwise."""

    def __init__(self, service: Service, headers: dict[str, str] | None = None) -> None:
        self.service = service
        self.headers = basic() if headers is None else headers

    async def call(self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Answer:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        request = HTTPRequest(
            f"{self.service.base}/openattic/api/{path}",
            method=method,
            headers=sent,
            body=raw if raw is not None or method not in ("POST", "PUT") else b"",
            follow_redirects=False,
            request_timeout=PATIENCE_SECONDS,
        )
        return Answer(await AsyncHTTPClient().fetch(request, raise_error=False))

    async def newest_id(self) -> int:
        """Returns the id of the newest task, 0 if there is none. Earlier tasks that still run leave it as it is."""
        tasks = (await self.get("taskqueue?ordering=-id&pageSize=1"))["results"]
        newest: int = tasks[0]["id"] if tasks else 0
        return newest

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.call("GET", path, **headers)
        assert answer.status == 200, answer.body
        return answer.json

    async def create(self, job: str, priority: int = 0, **params: Any) -> Any:
        answer = await self.call("POST", "taskqueue", {"job": job, "params": params, "priority": priority})
        assert answer.status == 201, answer.body
        return answer.json

    async def ended(self, task_id: int) -> Any:
        return await self.get(f"taskqueue/{task_id}?wait=60")

    async def until(self, task_id: int, holds: Any) -> Any:
        """The task once it is so; waits on changes, without polling."""
        while True:
            task = await self.get(f"taskqueue/{task_id}")
            if holds(task):
                return task
            await self.get(f"taskqueue/changes?since={task['revision']}&wait=10")

    async def until_gone(self, task_id: int) -> None:
        """Until the task is deleted; waits on changes, without polling."""
        while (answer := await self.call("GET", f"taskqueue/{task_id}")).status != 404:
            await self.get(f"taskqueue/changes?since={answer.json['revision']}&wait=10")

    async def events(self, since: int | None = None, headers: dict[str, str] | None = None) -> Events:
        url = f"ws{self.service.base.removeprefix('http')}/openattic/api/taskqueue/events"
        url += f"?since={since}" if since is not None else ""
        request = HTTPRequest(url, headers=self.headers if headers is None else headers)
        return Events(await websocket_connect(request))


class Events:
    """A WebSocket, and a mirror of the tasks that its frames build."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.frames: list[Any] = []
        self.transitions: list[Any] = []
        self.tasks: dict[int, Any] = {}
        self.rounds: dict[str, list[Any]] = {}
        self.revision: int | None = None
        self.store: str | None = None
        OPEN_EVENTS.append(self)

    @property
    def last(self) -> str:
        """The type of the last frame."""
        return self.frames[-1]["type"] if self.frames else ""

    async def next(self) -> Any:
        message = await self.socket.read_message()
        if message is None:
            self.close()
            return None
        frame = json.loads(message)
        self.frames.append(frame)
        self._apply(frame)
        return frame

    async def until(self, holds: Any) -> Events:
        while not holds(self):
            assert await self.next() is not None, "the socket was closed"
        return self

    def close(self) -> None:
        self.socket.close()

    def _apply(self, frame: Any) -> None:
        if frame["type"] == "hello":
            self.revision, self.store = frame["revision"], frame["store"]
        elif frame["type"] == "resync":
            self.revision = frame["revision"]
        elif frame["type"] == "changes":
            assert frame["since"] == self.revision, "a gap between two frames"
            self.revision = frame["revision"]
            self.transitions += frame["transitions"]
            self.tasks |= {task["id"]: task for task in frame["tasks"]}
            for task_id in frame["deleted"]:
                self.tasks.pop(task_id, None)
            for task_id, rounds in frame.get("rounds", {}).items():
                self.rounds.setdefault(task_id, []).extend(rounds)
