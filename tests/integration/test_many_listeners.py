"""Very many clients that listen, read nothing and go: they share what is sent to them, and cost nothing once gone."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, suppress

import pytest
from tornado.websocket import WebSocketClosedError

from tests.support.attack import (
    assert_honest_are_served,
    connections,
    create_large,
    handshake,
    memory_bounded,
    memory_of,
    read_answer,
    wait_until_memory_is_back,
    waiting_call,
)
from tests.support.monitoring import scrape
from tests.support.service import Client, Service

SMALL_BUFFER = 4096
COUNTS = [60, pytest.param(1000, marks=pytest.mark.slow)]


async def until_there_are(client: Client, metric: str, count: int) -> None:
    """Until the metric is so; nothing tells when that is."""
    while (await scrape(client)).of(metric) != count:  # noqa: ASYNC110 - another process cannot set an event of ours
        await asyncio.sleep(0.05)


async def until_open(client: Client, count: int) -> None:
    """Until so many WebSockets are open."""
    await until_there_are(client, "websocket_clients", count)


@pytest.mark.parametrize("count", COUNTS)
async def test_sockets_that_do_not_read_share_their_frames_and_hold_up_nobody(service: Service, count):
    client = Client(service.start("--set", "limits.websockets_per_user=2000"))
    await client.create("carries", text="x")
    before = memory_of(service)

    with memory_bounded(service), connections(service, count, handshake(), receive_bytes=SMALL_BUFFER):
        await until_open(client, count)
        honest = await client.events()
        await create_large(client, count // 30, size=900_000)
        await create_large(client, 300, size=15_000)
        await assert_honest_are_served(service)
        newest = (await client.create("test_task", times=1))["id"]
        await honest.until(lambda events: events.tasks.get(newest, {}).get("status") == "Finished")
        honest.close()
    await until_open(client, 0)
    await assert_honest_are_served(service)
    wait_until_memory_is_back(service, before)


async def test_sockets_at_different_revisions_that_do_not_read_are_bounded_in_sum(service: Service):
    """Each gets frames of its own. Whoever reads gets everything all the same, and rounds as well."""
    client = Client(service.start("--set", "limits.answers_mb=8"))
    await create_large(client, 240, size=15_000)
    task = await client.create("floods", times=8, output_bytes=1_000_000)
    await client.ended(task["id"])

    with memory_bounded(service, most_mb=30), ExitStack() as stuck:
        for since in range(0, 120, 2):
            stuck.enter_context(connections(service, 1, handshake(since), receive_bytes=SMALL_BUFFER))
        honest = await client.events(0)
        honest.socket.write_message(json.dumps({"type": "watch", "task": task["id"]}))
        newest = (await client.create("test_task", times=1))["id"]
        await honest.until(lambda events: events.tasks.get(newest, {}).get("status") == "Finished")
        await honest.until(lambda events: len(events.rounds.get(str(task["id"]), ())) == 8)
        honest.close()


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
async def test_calls_that_wait_and_are_woken_by_one_change_share_its_answer(service: Service, count):
    client = Client(service.start())
    await create_large(client, 100, size=9_000)  # a server in use: what the first calls load is not what clients leave
    await client.ended(100)
    await scrape(client)
    since = (await client.get("taskqueue?pageSize=1"))["revision"]
    before = memory_of(service)

    with memory_bounded(service), connections(service, count, waiting_call(since), SMALL_BUFFER) as opened:
        await create_large(client, 100, size=9_000)
        await assert_honest_are_served(service)
        status, _, body = await asyncio.to_thread(read_answer, opened[0])
        assert (status, json.loads(body)["since"]) == (200, since)
    await assert_honest_are_served(service)
    wait_until_memory_is_back(service, before)


async def test_calls_whose_clients_have_gone_wait_no_longer(service: Service):
    client = Client(service.start())
    since = (await client.get("taskqueue?pageSize=1"))["revision"]
    with connections(service, 100, waiting_call(since)):
        await until_there_are(client, "waiting_calls", 100)
    await until_there_are(client, "waiting_calls", 0)


@pytest.mark.parametrize("count", COUNTS)
async def test_a_stop_is_done_within_its_grace_with_sockets_that_do_not_read(service: Service, count):
    client = Client(service.start("--set", "server.grace_seconds=2"))
    with connections(service, count, handshake(), receive_bytes=SMALL_BUFFER):
        await until_open(client, count)
        await create_large(client, 200, size=15_000)
        assert await asyncio.to_thread(service.stop) == 0


# Places.


@pytest.mark.parametrize(
    ("limit", "status"), [("websockets_per_user", 429), pytest.param("websockets", 503, marks=pytest.mark.slow)]
)
async def test_a_websocket_too_many_is_a_problem_that_says_when_to_try_again(service: Service, limit, status):
    client = Client(service.start("--set", f"limits.{limit}=2"))
    first, second = await client.events(), await client.events()
    await until_open(client, 2)
    refused = await client.call("GET", "taskqueue/events", **upgrade())

    assert (refused.status, refused.kind) == (status, "application/problem+json")
    assert int(refused.headers["Retry-After"]) > 0
    assert "2 WebSockets" in refused.json["detail"]
    assert (await scrape(client)).of("refused_total", "websockets") == 1
    first.close()
    await until_open(client, 1)
    third = await client.events()
    assert (await third.next())["type"] == "hello"
    second.close()
    third.close()


def upgrade() -> dict[str, str]:
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }


@pytest.mark.parametrize(
    ("limit", "status"), [("waiting_calls_per_user", 429), pytest.param("waiting_calls", 503, marks=pytest.mark.slow)]
)
async def test_a_call_too_many_that_would_wait_is_refused_and_creates_nothing(service: Service, limit, status):
    client = Client(service.start("--set", f"limits.{limit}=1", "--set", "test_task.enabled=yes"))
    since = (await client.get("taskqueue?pageSize=1"))["revision"]
    with connections(service, 1, waiting_call(since)):
        await until_there_are(client, "waiting_calls", 1)
        for method, path, body, headers in (
            ("GET", f"taskqueue/changes?since={since}&wait=60", None, {}),
            ("GET", "taskqueue/1?wait=60", None, {}),
            ("POST", "taskqueue/test_task", {"times": 1}, {"Prefer": "wait=60"}),
        ):
            refused = await client.call(method, path, body, **headers)
            assert (refused.status, refused.kind) == (status, "application/problem+json")
            assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get(f"taskqueue/changes?since={since}"))["revision"] == since
        assert (await client.get("taskqueue"))["count"] == 0
    await until_there_are(client, "waiting_calls", 0)
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1}, Prefer="wait=60")).json["result"] == 1
    assert (await scrape(client)).of("refused_total", "waiting_calls") == 3


# What a client sends.


async def test_a_client_that_sends_without_end_is_cut_and_holds_up_nobody(client: Client):
    events = await client.events()
    await events.next()
    task = await client.create("counts", times=1)
    for number in range(1000):
        with suppress(WebSocketClosedError):
            events.socket.write_message(json.dumps({"type": "watch", "task": task["id"], "after": number}))
    await assert_honest_are_served(client.service)
    while await events.next() is not None:
        pass

    assert events.socket.close_code == 1008
    assert "messages a second" in events.socket.close_reason


@pytest.mark.parametrize("size", [5_000, 20_000, 2_000_000])
async def test_a_long_message_closes_the_socket_however_long_it_is(client: Client, size):
    events = await client.events()
    await events.next()
    with suppress(WebSocketClosedError):
        events.socket.write_message("x" * size)
    while await events.next() is not None:
        pass

    assert events.socket.close_code in (1003, None)  # None: the connection was reset while it sent
    await assert_honest_are_served(client.service)


@pytest.mark.slow
async def test_a_socket_that_is_quiet_for_25_s_gets_a_heartbeat(client: Client):
    before = (await client.get("taskqueue"))["revision"]
    events = await client.events()
    hello, began = await events.next(), asyncio.get_running_loop().time()
    alive = await events.next()
    quiet = asyncio.get_running_loop().time() - began

    assert set(hello) == {"type", "store", "revision", "counts", "pending_percent", "version", "now"}
    assert alive == {"type": "alive", "revision": before, "now": alive["now"]}
    assert 24.5 < quiet < 30
    assert hello["now"] < alive["now"]
    events.close()
