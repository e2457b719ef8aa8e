"""Live changes over a real WebSocket: contract, section 5, also across reconnects and restarts."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import psutil
import pytest
from tornado.httpclient import HTTPClientError

from tests.faults.support import until_gone
from tests.support.made import NEVER
from tests.support.service import Client, basic

CHAIN = [(None, "Not Started"), ("Not Started", "Running"), ("Running", "Finished")]


def chain_of(transitions, task_id):
    return [(move["from"], move["to"]) for move in transitions if move["task"] == task_id]


def assert_once_and_in_order(transitions):
    revisions = [move["revision"] for move in transitions]
    assert revisions == sorted(set(revisions))


async def test_a_page_that_loads_a_list_and_subscribes_from_there_misses_nothing(client):
    page = await client.get("taskqueue")
    task = await client.create("test_task", times=3)
    events = await client.events(page["revision"])
    await events.until(lambda events: events.tasks.get(task["id"], {}).get("status") == "Finished")

    hello = events.frames[0]
    assert set(hello) == {"type", "store", "revision", "counts", "pending_percent", "version", "now"}
    assert (hello["type"], hello["revision"], hello["store"]) == ("hello", page["revision"], page["store"])
    assert chain_of(events.transitions, task["id"]) == CHAIN
    assert set(events.frames[1]) == {
        "type", "since", "revision", "counts", "pending_percent", "transitions", "tasks", "deleted",
    }  # fmt: skip
    assert set(events.transitions[0]) == {"task", "from", "to", "at", "revision"}
    assert_once_and_in_order(events.transitions)
    events.close()


async def test_a_client_that_reconnects_all_the_time_sees_each_transition_once(client):
    start = (await client.get("taskqueue"))["revision"]
    tasks = [await client.create("counts", times=5, round_seconds=0.02) for _ in range(10)]
    revision, transitions, ended = start, [], set()
    while len(ended) < len(tasks):
        events = await client.events(revision)
        await events.until(lambda events: len(events.frames) >= 2)
        transitions += events.transitions
        revision = events.revision
        ended |= {move["task"] for move in events.transitions if move["to"] == "Finished"}
        events.close()

    assert_once_and_in_order(transitions)
    for task in tasks:
        assert chain_of(transitions, task["id"]) == CHAIN


@pytest.mark.slow
async def test_transitions_are_complete_across_kill_9_and_restarts_of_the_server(service):
    client = Client(service.start("--set", "workers.count=2"))
    tasks = [await client.create("counts", times=20, round_seconds=0.06) for _ in range(4)]
    events = await client.events(0)
    transitions, store = events.transitions, None
    for stop in (service.kill, service.stop, service.kill):
        await events.until(lambda events: any(task["round"] >= 1 for task in events.tasks.values()))
        store = store or events.store
        if stop == service.stop:
            service.terminate()
        else:
            service.kill()
        while await events.next() is not None:
            pass
        if stop == service.stop:
            service.wait()
        revision = events.revision
        service.start()
        events = await client.events(revision)
        await events.next()
        assert events.store == store
        transitions = events.transitions = transitions + events.transitions
    await events.until(lambda events: sum(move["to"] == "Finished" for move in events.transitions) == len(tasks))

    assert_once_and_in_order(events.transitions)
    for task in tasks:
        moves = chain_of(events.transitions, task["id"])
        assert moves[0] == (None, "Not Started")
        assert all(before[1] == after[0] for before, after in pairwise(moves))
        assert moves[-1] == ("Running", "Finished")
    events.close()


async def test_a_since_beyond_the_present_gets_resync_on_the_same_socket(client):
    events = await client.events(10**9)
    await events.until(lambda events: events.last == "resync")
    task = await client.create("test_task", times=1)
    await events.until(lambda events: events.tasks.get(task["id"], {}).get("status") == "Finished")

    assert chain_of(events.transitions, task["id"]) == CHAIN
    events.close()


async def test_a_watched_task_brings_each_round_once(client):
    task = await client.create("counts", times=12, round_seconds=0.03)
    await client.until(task["id"], lambda task: task["round"] >= 3)
    events = await client.events()
    await events.next()
    events.socket.write_message(f'{{"type": "watch", "task": {task["id"]}, "after": 1}}')
    await events.until(lambda events: len(events.rounds.get(str(task["id"]), ())) == 11)

    assert [one["number"] for one in events.rounds[str(task["id"])]] == list(range(2, 13))
    events.close()


@pytest.mark.parametrize(
    "message",
    ["nonsense", "5", "[]", '{"type": "shout"}', '{"type": "watch"}', '{"type": "watch", "task": "1"}',
     '{"type": "watch", "task": -1}', '{"type": "watch", "task": 1, "x": 2}', "x" * 5000, b"binary"],
)  # fmt: skip
async def test_anything_else_closes_the_socket_in_words(client, message):
    events = await client.events()
    await events.next()
    events.socket.write_message(message, binary=isinstance(message, bytes))
    while await events.next() is not None:
        pass

    assert events.socket.close_code in (1003, 1008)
    assert events.socket.close_reason


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 400),
        ("?since=-1", {}, 400),
        ("?since=%ff", {}, 400),
        ("", {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://evil.example"}, 403),
    ],
)
async def test_a_handshake_that_is_refused_is_a_problem(client, query, headers, status):
    answer = await Client(client.service, {**basic(), **headers}).call("GET", f"taskqueue/events{query}")

    assert (answer.status, answer.kind) == (status, "application/problem+json")


async def test_the_handshake_needs_a_sign_in_and_our_own_origin(client):
    with pytest.raises(HTTPClientError) as refused:
        await client.events(headers={})
    assert refused.value.code == 401

    with pytest.raises(HTTPClientError) as refused:
        await client.events(headers={**basic(), "Origin": "https://evil.example"})
    assert refused.value.code == 403

    own = {**basic(), "Origin": client.service.base}
    events = await client.events(headers=own)
    assert (await events.next())["type"] == "hello"
    events.close()


@pytest.mark.slow
async def test_clients_that_never_read_cost_bounded_memory_and_get_merged_frames(service):
    client = Client(service.start("--set", "workers.count=1"))
    await client.create("waits", times=2, in_round=1, until=NEVER, began_path="/dev/null")
    sleepers = [await _sleeper(service) for _ in range(20)]
    server = psutil.Process(service.server.pid)
    await _create_many(client, 300)
    before = server.memory_info().rss
    await _create_many(client, 1500)
    grown = server.memory_info().rss - before

    assert grown < 40 * 1024 * 1024, "twenty clients that do not read made the server grow"
    for reader, writer in sleepers:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"101 Switching Protocols" in head
        revision, frames = await _read_to(reader, (await client.get("taskqueue"))["revision"])
        assert revision
        assert frames < 400, "frames were not merged"
        writer.close()
        await writer.wait_closed()


async def _create_many(client, count):
    long = "x" * 2000
    for _ in range(0, count, 50):
        await asyncio.gather(*(client.create("prints", text=long) for _ in range(50)))


async def _sleeper(service):
    """A client that shakes hands and then reads nothing until it is told to."""
    host, port = service.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
    writer.write(
        (
            "GET /openattic/api/taskqueue/events?since=0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            f"Authorization: {basic()['Authorization']}\r\n\r\n"
        ).encode()
    )
    writer.transport.pause_reading()
    return _Late(reader, writer), writer


class _Late:
    """Reads on when it is asked for the first time."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def readuntil(self, end):
        self.writer.transport.resume_reading()
        return await self.reader.readuntil(end)

    async def readexactly(self, count):
        return await self.reader.readexactly(count)


async def _read_to(reader, revision):
    """Reads WebSocket frames (RFC 6455, unmasked, unfragmented) up to a revision; checks that none is missing."""
    place, frames = None, 0
    while place != revision:
        head = await reader.readexactly(2)
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        elif length == 127:
            length = int.from_bytes(await reader.readexactly(8), "big")
        body = await reader.readexactly(length)
        assert head[0] & 0x0F == 1, "not a text frame"
        frame = json.loads(body)
        if frame["type"] == "changes":
            assert frame["since"] == place
            frames += 1
        place = frame["revision"]
    return place, frames


async def test_sigterm_says_stopping_sends_the_last_changes_and_closes_with_1001(service):
    client = Client(service.start())
    task = await client.create("counts", times=100, round_seconds=0.06)
    events = await client.events(0)
    await events.until(lambda events: events.tasks.get(task["id"], {}).get("round", 0) >= 2)
    service.terminate()
    while await events.next() is not None:
        pass

    assert "stopping" in [frame["type"] for frame in events.frames]
    assert events.socket.close_code == 1001
    assert chain_of(events.transitions, task["id"])[-1] == ("Running", "Not Started")
    assert service.wait() == 0


async def test_waits_are_answered_at_once_at_sigterm(service):
    client = Client(service.start("--set", "workers.count=1"))
    task = await client.create("waits", times=2, in_round=1, until=NEVER)
    await client.until(task["id"], lambda task: task["status"] == "Running")
    revision = (await client.get("taskqueue"))["revision"]
    waits = asyncio.gather(
        client.call("GET", f"taskqueue/{task['id']}?wait=60"),
        client.call("GET", f"taskqueue/changes?since={revision}&wait=60"),
    )
    await client.get("workers")
    service.terminate()
    one, changes = await waits

    assert (one.status, one.json["id"]) == (200, task["id"])
    assert changes.status == 200


async def test_a_stopping_server_takes_no_new_tasks_and_goes_on_answering(service, tmp_path):
    client = Client(service.start("--set", "workers.count=1", "--set", "server.grace_seconds=60"))
    until = tmp_path / "until"
    task = await client.create("waits", times=2, in_round=1, until=str(until))
    await client.until(task["id"], lambda task: task["status"] == "Running")
    events = await client.events()
    service.terminate()
    await events.until(lambda events: events.last == "stopping")

    refused = await client.call("POST", "taskqueue/test_task", {"times": 1})
    assert (refused.status, refused.kind) == (503, "application/problem+json")
    assert (await client.call("GET", "taskqueue")).status == 200

    until.touch()
    assert service.wait() == 0


async def test_a_second_signal_ends_at_once_and_leaves_no_worker(service):
    client = Client(service.start("--set", "server.grace_seconds=600"))
    task = await client.create("waits", times=2, in_round=1, until=NEVER)
    await client.until(task["id"], lambda task: task["status"] == "Running")
    workers, events = service.workers(), await client.events()
    service.terminate()
    await events.until(lambda events: events.last == "stopping")
    service.terminate()

    assert service.wait() == 1
    assert workers
    for pid in workers:
        await until_gone(pid)
