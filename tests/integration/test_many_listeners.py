"""Very many clients that listen, read nothing and go: they share what is sent to them, and cost nothing once gone."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack

import pytest

from tests.support.attack import (
    assert_honest_are_served,
    connections,
    memory_bounded,
    memory_of,
    read_answer,
    request,
    wait_until_memory_is_back,
)
from tests.support.monitoring import scrape
from tests.support.service import Client, Service, basic

pytestmark = pytest.mark.gen_test

SMALL_BUFFER = 4096
COUNTS = [150, pytest.param(1000, marks=pytest.mark.slow)]


def handshake(since: int | None = None) -> bytes:
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
    return request("GET", f"/openattic/api/taskqueue/changes?since={since}&wait=60", basic())


async def create_large(client: Client, count: int, size: int = 900_000) -> None:
    for _ in range(count):
        await client.create("carries", text="x" * size)


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
        await create_large(client, 30)
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
    for _ in range(4):
        await client.call("POST", "taskqueue", [{"job": "carries", "params": {"text": "x" * 15_000}}] * 60)
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


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
async def test_calls_that_wait_and_are_woken_by_one_change_share_its_answer(service: Service, count):
    client = Client(service.start("--set", "limits.waiting_calls=3000", "--set", "limits.waiting_calls_per_user=3000"))
    await create_large(client, 100, size=15_000)
    since = (await client.get("taskqueue?pageSize=1"))["revision"]
    before = memory_of(service)

    with memory_bounded(service), connections(service, count, waiting_call(since), SMALL_BUFFER) as opened:
        await client.call("POST", "taskqueue", [{"job": "carries", "params": {"text": "x" * 9_000}}] * 100)
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
