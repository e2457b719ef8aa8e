"""What attacks on the server share: raw connections that do as they like, its memory, and honest clients meanwhile.

Everything is bounded in number and time, and goes to servers that the test itself has started.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from tornado.httpclient import AsyncHTTPClient

from tests.support.service import Client, Service, basic

MEGABYTE = 1024 * 1024
HONEST_PATIENCE_SECONDS = 10


def place_of(service: Service) -> tuple[str, int]:
    host, port = service.base.removeprefix("http://").rsplit(":", 1)
    return host, int(port)


def connect(service: Service, receive_bytes: int | None = None) -> socket.socket:
    """A connection of its own; a small `receive_bytes` lets the server feel soon that nothing is read."""
    connection = socket.socket()
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(60)
    connection.connect(place_of(service))
    return connection


def send_all_it_takes(connection: socket.socket, data: bytes) -> bool:
    """Sends; False if the server has closed the connection meanwhile."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


@contextmanager
def connections(
    service: Service, count: int, sent: bytes, receive_bytes: int | None = None
) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent the same and goes on to do nothing."""
    opened: list[socket.socket] = []
    allow_descriptors(count + 200)
    try:
        for _ in range(count):
            opened.append(connect(service, receive_bytes))
            send_all_it_takes(opened[-1], sent)
        yield opened
    finally:
        for connection in opened:
            connection.close()


def allow_descriptors(count: int) -> None:
    """Raises the soft limit of the test itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request as bytes; the length of the body is said unless `headers` say one."""
    told = {"Host": "x", **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def handshake(since: int | None = None) -> bytes:
    """Asks for a WebSocket, as admin."""
    query = "" if since is None else f"?since={since}"
    headers = {
        **basic(),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }
    return request("GET", f"/openattic/api/taskqueue/events{query}", headers)


def waiting_call(since: int) -> bytes:
    """Waits for the next change, as admin."""
    return request("GET", f"/openattic/api/taskqueue/changes?since={since}&wait=60", basic())


async def create_large(client: Client, count: int, size: int) -> None:
    """Creates tasks with parameters of `size` characters, in as few calls as a body of 1 MiB allows."""
    together = max(1, 900_000 // size)
    for first in range(0, count, together):
        bodies = [{"job": "carries", "params": {"text": "x" * size}}] * min(together, count - first)
        assert (await client.call("POST", "taskqueue", bodies)).status == 201


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case and body of one answer that says its length; the connection stays open."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        assert more, f"the connection was closed after {head!r}"
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        more = connection.recv(65536)
        assert more, "the connection was closed within the body"
        body += more
    return int(start.split()[1]), headers, body


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed the connection, after whatever it has sent before; does not wait."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def memory_of(service: Service) -> int:
    """The RSS of the server's own process, in bytes."""
    return int(psutil.Process(service.server.pid).memory_info().rss)


def children_of(service: Service) -> list[psutil.Process]:
    return psutil.Process(service.server.pid).children(recursive=True)


def log_of(service: Service) -> str:
    return (Path(service.directory) / "server.log").read_text()


async def assert_honest_are_served(service: Service) -> None:
    """A stranger gets /health and a person a list, both soon."""
    async with asyncio.timeout(HONEST_PATIENCE_SECONDS):
        health = await AsyncHTTPClient().fetch(f"{service.base}/health", request_timeout=HONEST_PATIENCE_SECONDS)
        assert health.code == 200
        assert (await Client(service).call("GET", "taskqueue?pageSize=1")).status == 200


@contextmanager
def memory_bounded(service: Service, most_mb: float = 100) -> Iterator[None]:
    """Fails if the server has grown by more than this at the end of the block."""
    before = memory_of(service)
    yield
    grown = (memory_of(service) - before) / MEGABYTE
    assert grown <= most_mb, f"the server grew by {grown:.0f} MB"


def wait_until_memory_is_back(service: Service, before: int, within_mb: float = 30, seconds: float = 60) -> None:
    """Waits until the server is nearly as small as it was; fails after a minute."""
    end = time.monotonic() + seconds
    while (grown := (memory_of(service) - before) / MEGABYTE) > within_mb:
        assert time.monotonic() < end, f"the server is still larger by {grown:.0f} MB"
        time.sleep(0.2)
