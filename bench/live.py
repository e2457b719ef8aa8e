"""WebSocket clients: one that observes transitions and makes calls in the same loop, and one that only counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec import Struct
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bench.service import API, Refused, Service

MOST_FRAME_BYTES = 64 * 1024 * 1024


class _Transition(Struct):
    task: int
    to: str


class _Frame(Struct):
    transitions: list[_Transition] = []


_decode = msgspec.json.Decoder(_Frame).decode


class Live:
    """One client of the live changes. Transitions may come before it is known which tasks are meant."""

    def __init__(self, service: Service, socket: WebSocketClientConnection) -> None:
        self._url = f"http://{service.program.place}{API}/taskqueue"
        self._headers = {**service.headers, "Content-Type": "application/json"}
        self._socket = socket
        self._http = AsyncHTTPClient(force_instance=True)
        self.seen: dict[str, dict[int, float]] = {"Not Started": {}, "Running": {}, "Finished": {}}
        """When which task was seen to become what, in seconds of time.perf_counter."""

    async def create(self, count: int) -> list[int]:
        """Creates so many tasks that do nothing with one call, and returns their ids."""
        submissions = [{"job": "noop", "params": {}}] * count
        return [task["id"] for task in (await self._post(submissions))["results"]]

    async def create_one(self) -> int:
        """Creates one task that does nothing, and returns its id."""
        task_id: int = (await self._post({"job": "noop", "params": {}}))["id"]
        return task_id

    async def _post(self, body: object) -> dict[str, Any]:
        request = HTTPRequest(self._url, "POST", self._headers, msgspec.json.encode(body))
        response = await self._http.fetch(request, raise_error=False)
        if response.code >= 300:
            raise Refused(f"POST {self._url}: {response.code} {response.body[:500].decode()}")
        answer: dict[str, Any] = msgspec.json.decode(response.body)
        return answer

    async def until(self, status: str, tasks: Collection[int]) -> None:
        """Reads frames until all the tasks were seen to become `status`."""
        seen = self.seen[status]
        missing = set(tasks)
        while missing := missing - seen.keys():
            message = await _read(self._socket)
            now = time.perf_counter()
            for transition in _decode(message).transitions:
                self.seen[transition.to][transition.task] = now

    def close(self) -> None:
        self._socket.close()
        self._http.close()


class _Summary(Struct):
    revision: int = 0
    counts: dict[str, int] = {}


_summary = msgspec.json.Decoder(_Summary).decode


class Changes:
    """One client that knows how many changes there were, and how many tasks of which status there are."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self.revision = 0
        self.counts: dict[str, int] = {}

    @property
    def pending(self) -> int:
        return self.counts.get("Not Started", 0) + self.counts.get("Running", 0)

    async def next(self) -> None:
        """Reads a frame."""
        frame = _summary(await _read(self._socket))
        self.revision, self.counts = frame.revision, frame.counts

    async def until(self, holds: Callable[[], bool]) -> None:
        """Reads frames until that is so."""
        while not holds():
            await self.next()

    def close(self) -> None:
        self._socket.close()


async def watched(service: Service) -> Changes:
    """Connects a client that counts all changes from now on."""
    changes = Changes(await _connect(service))
    await changes.next()
    return changes


async def connected(service: Service) -> Live:
    """Connects a client that gets all changes from now on."""
    socket = await _connect(service)
    await _read(socket)
    return Live(service, socket)


async def _connect(service: Service) -> WebSocketClientConnection:
    url = f"ws://{service.program.place}{API}/taskqueue/events"
    return await websocket_connect(
        HTTPRequest(url, headers=service.headers), max_message_size=MOST_FRAME_BYTES, ping_interval=0
    )


async def _read(socket: WebSocketClientConnection) -> str | bytes:
    message = await socket.read_message()
    if message is None:
        raise RuntimeError("expected frames of live changes, but the server closed the socket")
    return message
