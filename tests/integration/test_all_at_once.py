"""All that clients can do to the server, at the same time: it stays small, and honest clients are served."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack

import pytest

from tests.support import large_jobs
from tests.support.attack import (
    MEGABYTE,
    assert_honest_are_served,
    connect,
    connections,
    create_large,
    handshake,
    log_of,
    memory_bounded,
    memory_of,
    request,
    send_all_it_takes,
    wait_until_memory_is_back,
    waiting_call,
)
from tests.support.service import JOBS, Client, basic

API = "/openattic/api"
JSON = {"Content-Type": "application/json"}
SMALL_BUFFER = 4096


def attacks(revision: int, result: int) -> dict[str, tuple[bytes, float]]:
    """What each connection of a kind sends before it does nothing more, and how many of a hundred are of the kind."""
    unknown = json.dumps(dict.fromkeys((f"k{number}" for number in range(105_000)), 1)).encode()
    words = "+".join(f"word{number}" for number in range(20))
    sign_in = request("POST", f"{API}/auth", {**JSON, "Content-Length": "16000"}, b"x" * 15_000)
    unfinished = request("POST", f"{API}/taskqueue", {**JSON, **basic(), "Content-Length": "1000000"}, b" " * 900_000)
    return {
        "half a header": (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half: ", 35),
        "a call with long headers": (waiting_call(revision)[:-2] + b"X-Long: " + b"x" * 30_000 + b"\r\n\r\n", 20),
        "an unfinished sign-in": (sign_in, 30),
        "an unfinished body": (unfinished, 10),
        "many mistakes": (request("POST", f"{API}/taskqueue/test_task", {**JSON, **basic()}, unknown), 3),
        "a large list": (request("GET", f"{API}/taskqueue?pageSize=500", basic()), 3),
        "a large result": (request("GET", f"{API}/taskqueue/{result}", basic()), 3),
        "a search": (request("GET", f"{API}/taskqueue?search={words}", basic()), 3),
        "a WebSocket": (handshake(0), 100),
        "a waiting call": (waiting_call(revision), 100),
        "a file outside": (request("GET", f"/openattic/static/..%2f{'x' * 30_000}"), 10),
    }


def send_without_end(service, megabytes: int) -> None:
    """Bodies that nobody asked for, as much of them as the server takes."""
    for _ in range(3):
        with connect(service) as connection:
            connection.sendall(b"POST /nope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(megabytes):
                if not send_all_it_takes(connection, b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"):
                    break


@pytest.mark.parametrize("percent", [20, pytest.param(1000, marks=pytest.mark.slow)])
async def test_all_attacks_at_once_leave_the_server_small_and_honest_clients_served(service, percent):
    client = Client(service.start("--set", f"jobs.modules={JOBS},{large_jobs.MODULE}", "--set", "workers.count=2"))
    await client.ended((result := await client.create("returns_megabytes", megabytes=9))["id"])
    await create_large(client, count=20, size=900_000)
    await create_large(client, count=200, size=15_000)
    await assert_honest_are_served(service)
    revision = (await client.get("taskqueue?pageSize=1"))["revision"]
    before = memory_of(service)

    with ExitStack() as stack, memory_bounded(service, 200):
        flood = threading.Thread(target=send_without_end, args=(service, percent))
        flood.start()
        for sent, share in attacks(revision, result["id"]).values():
            count = max(2, round(share * percent / 100))
            stack.enter_context(connections(service, count, sent, receive_bytes=SMALL_BUFFER))
            await assert_honest_are_served(service)
        await create_large(client, count=10, size=900_000)
        for _ in range(3):
            await assert_honest_are_served(service)
        flood.join()

    wait_until_memory_is_back(service, before)
    assert "Traceback" not in log_of(service)
    assert service.stop() == 0
