"""A walk on the WebSocket: creations, rounds, aborts, deletions, watched tasks, and a restart of the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tools.compare.normal import normal
from tools.compare.serving import API, PATIENCE_SECONDS, Server, basic, start

FAR = "2099-01-01T02:00:00.000Z"


class Socket:
    """A WebSocket whose frames are put together step by step: which changes share a frame is chance."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.revision = 0

    async def frame(self) -> Any:
        """Returns the next frame, None when the socket was closed."""
        message = await asyncio.wait_for(self.connection.read_message(), PATIENCE_SECONDS)
        return None if message is None else json.loads(message)

    async def frames_until(self, revision: int) -> list[Any]:
        frames = []
        while self.revision < revision:
            frames.append(frame := await self.frame())
            if frame is None:
                break
            self.revision = frame.get("revision", self.revision)
        return frames

    async def rest(self) -> list[Any]:
        """Returns all frames until it is closed."""
        frames = []
        while (frame := await self.frame()) is not None:
            frames.append(frame)
        return frames


async def opened(server: Server, query: str = "", sign_in: dict[str, str] | None = None) -> Socket:
    url = f"ws://{server.place}{API}/taskqueue/events{query}"
    connection = await websocket_connect(HTTPRequest(url, headers=basic() if sign_in is None else sign_in))
    return Socket(connection)


def merged(frames: list[Any]) -> Any:
    """Returns what some frames say together, and how each kind of frame is built."""
    changes = [frame for frame in frames if frame and frame["type"] == "changes"]
    tasks = {task["id"]: task for frame in changes for task in frame["tasks"]}
    rounds: dict[str, dict[int, Any]] = {}
    for frame in changes:
        for task, new in frame.get("rounds", {}).items():
            rounds.setdefault(task, {}).update({one["number"]: one for one in new})
    last = changes[-1] if changes else {}
    follow = all(one["since"] == before["revision"] for before, one in pairwise(changes))
    return {
        "other frames": [normal(frame) for frame in frames if frame and frame["type"] != "changes"],
        "keys": sorted({", ".join(key for key in frame if key != "rounds") for frame in changes}),
        "each begins where the one before ended": follow,
        "transitions": normal([move for frame in changes for move in frame["transitions"]]),
        "tasks": normal([tasks[number] for number in sorted(tasks)]),
        "deleted": sorted(number for frame in changes for number in frame["deleted"]),
        "rounds": {task: normal([found[number] for number in sorted(found)]) for task, found in sorted(rounds.items())},
        **{key: last.get(key) for key in ("revision", "counts", "pending_percent")},
    }


class Walk:
    """Steps of one server, and the frames that came of each."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.steps: list[Any] = []
        self.numbers: dict[str, int] = {}

    def note(self, step: str, told: object) -> None:
        self.steps.append({"step": step, "frames": told})

    async def step(self, name: str, socket: Socket, act: Callable[[], object]) -> None:
        """Does something and reads on until the socket knows all that the server knows by then."""
        act()
        self.note(name, merged(await socket.frames_until(self.server.get("taskqueue?pageSize=1")["revision"])))

    def create(self, name: str, job: str, /, **params: object) -> int:
        self.numbers[name] = self.server.call("POST", "taskqueue", {"job": job, "params": params})["id"]
        return self.numbers[name]

    def run(self, name: str, job: str, /, **params: object) -> None:
        """Creates a task and waits until it runs."""
        self.server.until(self.create(name, job, **params), lambda now: bool(now["status"] == "Running"))

    def go(self, name: str, number: int) -> None:
        """Lets a task do a round."""
        self.server.open_gates(name, number)
        self.server.at_round(self.numbers[name], number)


async def walk_live(server: Server) -> list[Any]:
    """Returns the steps and what was told of them."""
    walk = Walk(server)
    socket = await opened(server)
    await _hello(walk, socket)
    await _tasks(walk, socket)
    await _watching(walk, socket)
    await _resuming(walk)
    await _mistakes(walk)
    await _stopping(walk, socket)
    return walk.steps


async def _hello(walk: Walk, socket: Socket) -> None:
    hello = await socket.frame()
    socket.revision = hello["revision"]
    walk.note("hello", normal(hello))


async def _tasks(walk: Walk, socket: Socket) -> None:
    server = walk.server
    later = {"job": "test_task", "params": {"times": 4}, "not_before": FAR}
    await walk.step("one for later", socket, lambda: server.call("POST", "taskqueue", later))
    await walk.step("an array", socket, lambda: server.call("POST", "taskqueue", [later, {**later, "priority": 3}]))
    await walk.step("one runs", socket, lambda: walk.run("a", "walk", name="a", steps=3))
    for number in (1, 2):
        await walk.step(f"its round {number}", socket, lambda number=number: walk.go("a", number))  # type: ignore[misc]
    await walk.step("one waits for its lock", socket, lambda: walk.create("a2", "walk", name="a", steps=2))
    await walk.step("that one is aborted", socket, lambda: server.call("DELETE", f"taskqueue/{walk.numbers['a2']}"))
    await walk.step("the first ends", socket, lambda: _end(walk, "a", 3))
    await walk.step("a pin", socket, lambda: server.call("PUT", f"taskqueue/{walk.numbers['a']}", {"pinned": True}))
    await walk.step("a deaf one runs", socket, lambda: walk.run("b", "deaf", name="b"))
    await walk.step("it is aborted", socket, lambda: server.call("DELETE", f"taskqueue/{walk.numbers['b']}"))
    await walk.step("its last round ends", socket, lambda: _end(walk, "b", 1))
    server.workers_are_idle()
    await walk.step("one fails", socket, lambda: server.ended(walk.create("c", "stumble", stone="a stone")))
    server.workers_are_idle()
    await walk.step("one is killed", socket, lambda: _killed(walk))
    server.workers_are_idle()
    await walk.step("two are deleted", socket, lambda: server.call("DELETE", f"taskqueue?id=1&id={walk.numbers['c']}"))
    await walk.step("it is deleted again", socket, lambda: server.call("DELETE", "taskqueue?id=1"))
    await walk.step("a large result", socket, lambda: server.ended(walk.create("d", "returns", kilobytes=20)))
    server.workers_are_idle()


def _end(walk: Walk, name: str, number: int) -> None:
    walk.server.open_gates(name, number)
    walk.server.ended(walk.numbers[name])


def _killed(walk: Walk) -> None:
    walk.run("k", "deaf", name="k")
    walk.server.call("DELETE", f"taskqueue/{walk.numbers['k']}?force=true")
    walk.server.ended(walk.numbers["k"])


async def _watching(walk: Walk, socket: Socket) -> None:
    await walk.step("another runs", socket, lambda: walk.run("w", "walk", name="w", steps=5))
    for number in (1, 2):
        await walk.step(f"its round {number} unwatched", socket, lambda number=number: walk.go("w", number))  # type: ignore[misc]
    await socket.connection.write_message(json.dumps({"type": "watch", "task": walk.numbers["w"], "after": 1}))
    walk.note("watched from round 1", merged([await socket.frame()]))
    await walk.step("its round 3 watched", socket, lambda: walk.go("w", 3))
    await socket.connection.write_message(json.dumps({"type": "unwatch", "task": walk.numbers["w"]}))
    await walk.step("its round 4 unwatched", socket, lambda: walk.go("w", 4))
    await socket.connection.write_message(json.dumps({"type": "watch", "task": 99999}))
    await socket.connection.write_message(json.dumps({"type": "unwatch", "task": 99998}))
    await walk.step("it ends", socket, lambda: _end(walk, "w", 5))
    walk.server.workers_are_idle()


async def _resuming(walk: Walk) -> None:
    """Others come later, and from revisions of before."""
    newest = walk.server.get("taskqueue?pageSize=1")["revision"]
    for query, frames in (
        ("?since=0", 2),
        (f"?since={newest - 5}", 2),
        (f"?since={newest}", 1),
        (f"?since={newest + 9}", 2),
    ):
        socket = await opened(walk.server, query)
        told = [await socket.frame() for _ in range(frames)]
        keys = "from the newest" if frames == 1 else query.replace(str(newest + 9), "the future")
        walk.note(f"a socket {keys}", [normal(told[0]), merged(told[1:])])
        socket.connection.close()
    viewer = await opened(walk.server, sign_in=basic("vera"))
    walk.note("a viewer", normal(await viewer.frame()))
    viewer.connection.close()


async def _mistakes(walk: Walk) -> None:
    watch = {"type": "watch", "task": 1}
    many = [json.dumps({"type": "watch", "task": number}) for number in range(1, 102)]
    for what, messages in (
        ("no JSON", ["{"]),
        ("no object", ["5"]),
        ("an unknown type", ['{"type": "sing"}']),
        ("no task", ['{"type": "watch"}']),
        ("a member too many", [json.dumps({**watch, "colour": "red"})]),
        ("a wrong number", [json.dumps({**watch, "after": -1})]),
        ("a watch list that is too long", many),
        ("bytes", [b"\x00"]),
    ):
        socket = await opened(walk.server)
        await socket.frame()
        for message in messages:
            await socket.connection.write_message(message, binary=isinstance(message, bytes))
        told = merged(await socket.rest())
        closed = [socket.connection.close_code, socket.connection.close_reason]
        walk.note(f"{what}: closed", [closed, told["other frames"]])


async def _stopping(walk: Walk, socket: Socket) -> None:
    """The server stops with a task under way; after its start the task goes on, and so does the client."""
    server = walk.server
    await walk.step("one runs at the stop", socket, lambda: walk.run("s", "walk", name="s", steps=3))
    await walk.step("its first round", socket, lambda: walk.go("s", 1))
    revision = socket.revision
    stopped = asyncio.create_task(asyncio.to_thread(server.stop))
    frames = await socket.rest()
    walk.note("the server stops", [merged(frames), socket.connection.close_code])
    walk.note("its exit code", await stopped)
    start(server)
    server.until(walk.numbers["s"], lambda now: bool(now["status"] == "Running"))
    again = await opened(server, f"?since={revision}")
    hello = await again.frame()
    again.revision = hello["revision"]
    walk.note("hello again", normal(hello))
    walk.note("what it has missed", merged(await again.frames_until(server.get("taskqueue?pageSize=1")["revision"])))
    server.open_gates("s", 2)
    await walk.step("it goes on to its end", again, lambda: _end(walk, "s", 3))
    walk.note("its interruptions", normal(server.get(f"taskqueue/{walk.numbers['s']}/interruptions")))
    again.connection.close()
