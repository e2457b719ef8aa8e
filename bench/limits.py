"""Promise 6: the slowest response of `/health` while clients misbehave."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

from bench.databases import Databases
from bench.figures import Row
from bench.memory import pss_bytes
from bench.service import API, Service, serving

SECONDS = 3
WANTED = "< 1 s"
SMALL_BUFFER_BYTES = 4096
JSON = "Content-Type: application/json\r\n"
SIGN_IN = f"POST {API}/auth HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n3f00\r\n{'x' * 0x3F00}"
KEYS = json.dumps({f"k{number:05}": 1 for number in range(60_000)})


@dataclass(frozen=True)
class Attack:
    """So many connections, each of which sends the same and reads nothing. `TOKEN` stands for the header of admin."""

    what: str
    count: int
    sent: str


ATTACKS = (
    Attack("2,000 connections have sent half a header", 2000, "GET / HTTP/1.1\r\nHo"),
    Attack("1,000 sign-ins have sent half a body", 1000, SIGN_IN),
    Attack(
        "300 bodies of 16 MB are sent to an address that expects none",
        300,
        f"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\n{'x' * 1_000_000}",
    ),
    Attack(
        "30 clients do not read the answer to a request with 60,000 mistakes",
        30,
        f"POST {API}/taskqueue/test_task HTTP/1.1\r\nHost: x\r\nTOKEN{JSON}Content-Length: {len(KEYS)}\r\n\r\n{KEYS}",
    ),
    Attack(
        "1,000 clients request the documentation and do not read it",
        1000,
        "GET /openattic/docs/ HTTP/1.1\r\nHost: x\r\nTOKEN\r\n",
    ),
    Attack(
        "1,000 clients request a file and do not read it",
        1000,
        "GET /openattic/vendor/bootstrap/css/bootstrap.min.css HTTP/1.1\r\nHost: x\r\n\r\n",
    ),
)


def measure(databases: Databases) -> list[Row]:
    """Returns the slowest of all answers over some seconds that begin with the attack."""
    _allow_descriptors()
    with serving(databases.empty("limits")) as service:
        _slowest_health(service.program.place)
        return [_row(number, attack, service) for number, attack in enumerate(ATTACKS, 1)]


def _row(number: int, attack: Attack, service: Service) -> Row:
    before = pss_bytes(service.program.pid)
    with _under(attack, service):
        slowest = _slowest_health(service.program.place)
        grown = (pss_bytes(service.program.pid) - before) / 1_000_000
    what = f"slowest `GET /health` while {attack.what}; the server grew by {max(0, grown):.0f} MB"
    return Row(f"L{number}", what, f"{slowest * 1000:.0f} ms", "–", None, WANTED)


@contextmanager
def _under(attack: Attack, service: Service) -> Iterator[None]:
    host, port = service.program.place.rsplit(":", 1)
    sent = attack.sent.replace("TOKEN", f"Authorization: {service.headers['Authorization']}\r\n").encode()
    opened: list[socket.socket] = []
    try:
        for _ in range(attack.count):
            connection = socket.socket()
            opened.append(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
            connection.settimeout(60)
            connection.connect((host, int(port)))
            _send_what_it_takes(connection, sent)
        yield
    finally:
        for connection in opened:
            connection.close()


def _send_what_it_takes(connection: socket.socket, sent: bytes) -> None:
    try:
        connection.sendall(sent)
    except OSError:
        return


def _slowest_health(place: str) -> float:
    end, slowest = time.perf_counter() + SECONDS, 0.0
    while (began := time.perf_counter()) < end:
        connection = HTTPConnection(place, timeout=60)
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        connection.close()
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.01)
    return slowest


def _allow_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
