"""Everybody gets every change once and in order, and nobody can make the server grow."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.live.feed import QUIET_SECONDS, Feed
from jobs.live.subscriber import BURST_FRAMES, FRAME_SECONDS, LARGEST_WATCH_LIST, Pacer
from jobs.live.unread import STUCK_SECONDS
from jobs.model import lifecycle
from jobs.model.backlog import Derived
from storage.memory import MemoryStore
from tests.support.made import done, draft


class House:
    def __init__(self):
        self.store = MemoryStore()
        self.feed = Feed(self.store, "9.9", most_unread_bytes=1_000_000)

    async def create(self, count=1):
        return [created.task.id for created in await self.store.create([draft()] * count)]

    async def run_rounds(self, task_id, *numbers):
        await self.store.change(task_id, lifecycle.reported([done(number) for number in numbers], 2000))

    def be_quiet_for(self, seconds):
        """Behaves as if nothing had been sent to anybody for so long."""
        for subscriber in self.feed._quiet:
            self.feed._quiet[subscriber] -= seconds
        self.feed._on_quiet()

    async def client(self, since=None, reads=True):
        client = Client(reads)
        client.subscriber = await self.feed.subscribe(client, since)
        return client


@pytest.fixture
def house(io_loop):
    """A feed that runs; it stops after the test."""
    opened = House()
    io_loop.run_sync(lambda: opened.feed.start(lambda task: Derived()))
    yield opened
    io_loop.run_sync(opened.feed.stop)


class Client:
    """A connection that takes frames at once, or never, or only when the test says so."""

    def __init__(self, reads=True):
        self.frames = []
        self.raw = []
        self.closed = None
        self.reads = reads
        self.stuck = None
        self._heard = asyncio.Event()

    def send(self, frame):
        assert self.stuck is None, "a second frame while the first has not left"
        self.raw.append(frame)
        self.frames.append(json.loads(frame))
        self._heard.set()
        left = asyncio.get_running_loop().create_future()
        if self.reads:
            left.set_result(None)
        else:
            self.stuck = left
        return left

    def read_on(self):
        self.reads, stuck, self.stuck = True, self.stuck, None
        stuck.set_result(None)

    def leave(self):
        """The connection is lost."""
        self.stuck.set_exception(ConnectionError())

    def close(self, code, reason):
        self.closed = code
        self._heard.set()

    async def until(self, holds):
        while not holds(self):
            self._heard.clear()
            await self._heard.wait()
        return self

    def revision(self):
        return self.frames[-1].get("revision") if self.frames else None

    def transitions(self):
        return [move["revision"] for frame in self.frames for move in frame.get("transitions", ())]

    def rounds(self, task_id):
        return [one["number"] for frame in self.frames for one in frame.get("rounds", {}).get(str(task_id), ())]


def assert_gapless(client):
    places = [frame for frame in client.frames if frame["type"] in ("hello", "changes")]
    for before, frame in pairwise(places):
        assert frame["since"] == before["revision"]


async def test_a_client_is_greeted_with_the_state_of_the_store(house):
    await house.create(3)
    client = await (await house.client()).until(lambda client: client.frames)

    (hello,) = client.frames
    assert hello == {
        "type": "hello",
        "store": "memory",
        "revision": 3,
        "counts": {"Not Started": 3, "Running": 0, "Finished": 0, "Exception": 0, "Aborted": 0},
        "pending_percent": 0,
        "version": "9.9",
        "now": hello["now"],
    }


async def test_a_client_that_comes_back_gets_all_since_then_without_a_gap(house):
    await house.create(5)
    client = await house.client(since=2)
    await client.until(lambda client: client.revision() == 5)
    await house.create()
    await client.until(lambda client: client.revision() == 6)

    assert client.frames[0]["revision"] == 2
    assert client.transitions() == [3, 4, 5, 6]
    assert_gapless(client)


async def test_transitions_outlive_their_task(house):
    (task_id,) = await house.create()
    await house.store.change(task_id, lifecycle.aborted("ann", 2000))
    await house.store.change(task_id, lifecycle.deleted("ann", 3000, None, False))
    client = await (await house.client(since=0)).until(lambda client: client.revision() == 3)

    (frame,) = client.frames[1:]
    assert [(move["from"], move["to"]) for move in frame["transitions"]] == [
        (None, "Not Started"),
        ("Not Started", "Aborted"),
    ]
    assert (frame["tasks"], frame["deleted"]) == ([], [task_id])


async def test_a_frame_covers_at_most_1000_revisions_and_the_next_follows(house):
    await house.create(2500)
    client = await (await house.client(since=0)).until(lambda client: client.revision() == 2500)

    assert [frame["revision"] for frame in client.frames] == [0, 1000, 2000, 2500]
    assert client.transitions() == list(range(1, 2501))


async def test_a_client_that_does_not_read_holds_one_frame_and_gets_the_rest_merged(house):
    client = await house.client(reads=False)
    await client.until(lambda client: client.frames)
    for _ in range(300):
        await house.create()
    other = await house.client(since=0)
    await other.until(lambda other: other.revision() == 300)
    assert len(client.frames) == 1

    client.read_on()
    await client.until(lambda client: client.revision() == 300)

    assert len(client.frames) == 2
    assert client.transitions() == list(range(1, 301))
    assert client.closed is None


async def test_clients_at_one_revision_share_one_encoding(house):
    clients = [await house.client() for _ in range(10)]
    for client in clients:
        await client.until(lambda client: client.frames)
    await house.create()
    for client in clients:
        await client.until(lambda client: client.revision() == 1)

    assert len({id(client.raw[-1]) for client in clients}) == 1


@pytest.mark.parametrize("since", ["forgotten", "future"])
async def test_an_unknown_since_gets_resync_and_continues_from_there(house, since):
    await house.create(3)
    await house.store.forget_changes(2000)
    client = await house.client(since=1 if since == "forgotten" else 999)
    await client.until(lambda client: client.frames[-1:] and client.frames[-1]["type"] == "resync")
    await house.create()
    await client.until(lambda client: client.revision() == 4)

    assert [frame["type"] for frame in client.frames] == ["hello", "resync", "changes"]
    assert client.frames[1]["revision"] == client.frames[2]["since"] == 3


async def test_watching_a_task_brings_the_rounds_so_far_and_each_new_one_once(house):
    (task_id,) = await house.create()
    await house.store.change(task_id, lifecycle.taken(1500))
    await house.run_rounds(task_id, 1, 2, 3)
    client = await (await house.client()).until(lambda client: client.frames)

    house.feed.watch(client.subscriber, task_id, 1)
    await client.until(lambda client: client.rounds(task_id) == [2, 3])
    await house.run_rounds(task_id, 4)
    await client.until(lambda client: client.rounds(task_id) == [2, 3, 4])
    await house.run_rounds(task_id, 1)
    await client.until(lambda client: client.rounds(task_id) == [2, 3, 4, 1])

    assert_gapless(client)
    client.subscriber.unwatch(task_id)
    await house.run_rounds(task_id, 5)
    await client.until(lambda client: client.revision() == client.frames[-1]["revision"] == 6)
    assert client.rounds(task_id) == [2, 3, 4, 1]


async def test_more_rounds_than_a_frame_holds_come_in_several(house):
    (task_id,) = await house.create()
    await house.store.change(task_id, lifecycle.taken(1500))
    await house.run_rounds(task_id, *range(1, 2501))
    client = await house.client()

    house.feed.watch(client.subscriber, task_id, 0)
    await client.until(lambda client: len(client.rounds(task_id)) == 2500)

    assert client.rounds(task_id) == list(range(1, 2501))


async def test_clients_that_watch_the_same_task_share_one_read_and_the_same_bytes(house):
    (task_id,) = await house.create()
    await house.store.change(task_id, lifecycle.taken(1500))
    await house.run_rounds(task_id, 1, 2, 3)
    clients = [await house.client() for _ in range(10)]
    for number, client in enumerate(clients):
        await client.until(lambda client: client.frames)
        house.feed.watch(client.subscriber, task_id, number % 3)
        await client.until(lambda client: client.rounds(task_id)[-1:] == [3])
    await house.run_rounds(task_id, 4)
    for client in clients:
        await client.until(lambda client: client.rounds(task_id)[-1:] == [4])
    calls = count_calls(house, "watched_rounds")
    await house.run_rounds(task_id, 5)
    for client in clients:
        await client.until(lambda client: client.rounds(task_id)[-1:] == [5])

    assert len({id(client.raw[-1]) for client in clients}) == 1
    assert len(calls) == 1
    assert [client.rounds(task_id) for client in clients[:3]] == [[1, 2, 3, 4, 5], [2, 3, 4, 5], [3, 4, 5]]


async def test_large_rounds_come_one_or_few_in_a_frame(house):
    (task_id,) = await house.create()
    await house.store.change(task_id, lifecycle.taken(1500))
    output = json.dumps("x" * 900_000)
    rounds = [done(number, output=output) for number in range(1, 11)]
    await house.store.change(task_id, lifecycle.reported(rounds, 2000))
    client = await house.client()
    house.feed.watch(client.subscriber, task_id, 0)
    await client.until(lambda client: len(client.rounds(task_id)) == 10)

    assert client.rounds(task_id) == list(range(1, 11))
    assert max(map(len, client.raw)) <= 4 * 1024 * 1024


def leave_all(clients):
    """A stop would wait for them."""
    for client in clients:
        if client.stuck is not None and not client.stuck.done():
            client.leave()


async def stuck_clients(house, count):
    """Clients that do not read, each with a large frame of its own: so many that there is no room left."""
    drafts = [draft(params=json.dumps("x" * 15_000))] * 20
    stuck = []
    for _ in range(count):
        client = await (await house.client()).until(lambda client: client.frames)
        client.reads = False
        await house.store.create(drafts)
        await client.until(lambda client: client.stuck is not None)
        stuck.append(client)
    return stuck


async def test_when_unread_frames_take_all_their_room_others_get_small_frames_and_miss_nothing(house):
    stuck = await stuck_clients(house, 4)
    held = house.feed.unread.bytes
    client = await house.client(since=0)
    head = await house.store.head()
    await client.until(lambda client: client.revision() == head.revision)

    assert 1_000_000 <= held <= 1_000_000 + 2 * 1024 * 1024
    assert client.transitions() == list(range(1, head.revision + 1))
    assert max(map(len, client.raw)) < 40_000
    assert_gapless(client)
    for one in stuck:
        one.read_on()
        await one.until(lambda one: one.revision() == head.revision)
        assert one.closed is None
    await asyncio.sleep(0)
    assert house.feed.unread.bytes == 0


async def test_a_client_that_holds_a_large_frame_for_long_while_others_wait_for_room_is_closed_to_come_again(house):
    (task_id,) = await house.create()
    await house.store.change(task_id, lifecycle.taken(1500))
    stuck = await stuck_clients(house, 4)
    client = await house.client()
    house.feed.watch(client.subscriber, task_id, 0)
    await house.run_rounds(task_id, 1)
    await client.until(lambda client: client.revision() == 83)
    assert client.rounds(task_id) == []

    for frame in house.feed.unread.frames:
        frame.began -= STUCK_SECONDS
    await house.run_rounds(task_id, 2)
    closing = [asyncio.create_task(one.until(lambda one: one.closed is not None)) for one in stuck]
    (first,), others = await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED)
    first.result().leave()
    for other in others:
        other.cancel()
    await client.until(lambda client: client.rounds(task_id) == [1, 2])

    assert [one.closed for one in stuck].count(1013) == 1
    leave_all(stuck)


async def test_quiet_sockets_get_a_sign_of_life_in_one_encoding(house):
    await house.create(3)
    clients = [await house.client() for _ in range(5)]
    for client in clients:
        await client.until(lambda client: client.frames)
    await asyncio.sleep(0)
    house.be_quiet_for(QUIET_SECONDS)
    for client in clients:
        await client.until(lambda client: client.frames[-1]["type"] == "alive")

    (alive,) = {json.dumps(client.frames[-1]) for client in clients}
    assert json.loads(alive) == {"type": "alive", "revision": 3, "now": json.loads(alive)["now"]}
    assert len({id(client.raw[-1]) for client in clients}) == 1


async def test_a_client_that_has_not_read_its_last_frame_or_has_just_got_one_gets_no_sign_of_life(house):
    quiet, stuck = await house.client(), await house.client()
    for client in (quiet, stuck):
        await client.until(lambda client: client.frames)
    stuck.reads = False
    await asyncio.sleep(0)
    house.be_quiet_for(QUIET_SECONDS - 1)
    await house.create()
    for client in (quiet, stuck):
        await client.until(lambda client: client.revision() == 1)
    await asyncio.sleep(0)
    house.feed._on_quiet()

    assert [frame["type"] for frame in quiet.frames] == ["hello", "changes"]
    house.be_quiet_for(QUIET_SECONDS)
    await quiet.until(lambda client: client.frames[-1]["type"] == "alive")
    assert [frame["type"] for frame in stuck.frames] == ["hello", "changes"]
    leave_all([stuck])


async def test_without_clients_there_is_no_timer(house):
    client = await (await house.client()).until(lambda client: client.frames)
    await asyncio.sleep(0)
    assert house.feed._quiet_timer is not None

    house.feed.unsubscribe(client.subscriber)
    assert house.feed._quiet_timer is None


async def test_a_client_watches_a_bounded_number_of_tasks(house):
    client = await house.client()
    for task_id in range(1, LARGEST_WATCH_LIST + 1):
        house.feed.watch(client.subscriber, task_id, 0)

    with pytest.raises(ValueError, match="at most"):
        house.feed.watch(client.subscriber, LARGEST_WATCH_LIST + 1, 0)


async def test_everybody_is_sent_that_the_server_stops_with_the_last_changes_and_1001(house):
    client, stuck = await house.client(), await house.client(reads=False)
    await client.until(lambda client: client.frames)
    house.feed.announce_stop()
    await house.create()
    await house.feed.stop()

    assert [frame["type"] for frame in client.frames] == ["hello", "stopping", "changes"]
    assert (client.closed, stuck.closed) == (1001, 1001)


async def test_a_client_that_connects_while_the_server_stops_is_sent_that_it_stops(house):
    house.feed.announce_stop()
    client = await (await house.client()).until(lambda client: len(client.frames) == 2)

    assert [frame["type"] for frame in client.frames] == ["hello", "stopping"]


async def test_a_call_that_waits_for_an_end_is_woken_by_it(house):
    (task_id,) = await house.create()
    waiting = asyncio.create_task(house.feed.wait_for_end(task_id, 60))
    await asyncio.sleep(0)
    await house.store.change(task_id, lifecycle.aborted("ann", 2000))
    house.feed.task_settled(task_id)
    await waiting

    assert json.loads((await house.feed.task(task_id)).text)["outcome"] == "Aborted by ann before it started"


async def test_waiting_calls_are_answered_at_once_when_the_server_stops(house):
    (task_id,) = await house.create()
    head = await house.store.head()
    waits = [
        asyncio.create_task(house.feed.wait_for_end(task_id, 60)),
        asyncio.create_task(house.feed.wait_beyond(head.revision, 60)),
    ]
    await asyncio.sleep(0)
    house.feed.announce_stop()

    await asyncio.gather(*waits)


async def test_a_call_that_is_cancelled_while_it_waits_is_not_remembered(house):
    (task_id,) = await house.create()
    head = await house.store.head()
    waits = [
        asyncio.create_task(house.feed.wait_for_end(task_id, 60)),
        asyncio.create_task(house.feed.wait_beyond(head.revision, 60)),
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)

    assert house.feed.waiting_count == 0


async def test_a_call_that_waits_for_changes_is_woken_by_the_next_commit(house):
    waiting = asyncio.create_task(house.feed.wait_beyond(0, 60))
    await asyncio.sleep(0)
    await house.create()
    await waiting

    changes = json.loads((await house.feed.changes(0)).text)
    assert [move["revision"] for move in changes["transitions"]] == [1]


async def test_all_calls_that_one_change_wakes_share_one_read_and_one_encoding(house):
    calls = count_calls(house, "changes")
    waits = [asyncio.create_task(house.feed.wait_beyond(0, 60)) for _ in range(500)]
    await asyncio.sleep(0)
    await house.create()
    await asyncio.gather(*waits)
    texts = await asyncio.gather(*(house.feed.changes(0) for _ in range(500)))

    assert len({id(text) for text in texts}) == 1
    assert len(calls) == 1


async def test_no_call_gets_changes_that_are_older_than_itself(house):
    await house.create()
    first = await house.feed.changes(0)
    await house.create()

    assert json.loads((await house.feed.changes(0)).text)["revision"] == 2
    assert json.loads(first.text)["revision"] == 1


def count_calls(house, name):
    calls, method = [], getattr(house.store, name)

    async def counted(*args, **kwargs):
        calls.append(args)
        return await method(*args, **kwargs)

    setattr(house.store, name, counted)
    return calls


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200), st.floats(0, 1e6))
def test_a_client_never_gets_more_than_bursts_of_five_and_twenty_a_second(gaps, now):
    pacer, sent = Pacer(), []
    for gap in gaps:
        now += gap
        if pacer.may_send(now):
            pacer.sent(now)
            sent.append(now)

    for first in range(len(sent)):
        for last in range(first, len(sent)):
            span = sent[last] - sent[first]
            assert last - first + 1 <= BURST_FRAMES + span / FRAME_SECONDS + 1e-3


@given(st.floats(0, 1e6))
def test_after_a_whole_burst_a_frame_may_be_sent_again_at_the_next_tick(now):
    pacer = Pacer()
    while pacer.may_send(now):
        pacer.sent(now)

    next_tick = pacer.next_tick()
    assert pacer.may_send(next_tick + 1e-6)
    assert next_tick - now <= 2 * FRAME_SECONDS + 1e-6
