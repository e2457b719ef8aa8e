"""Searches that would take long: few words, a time limit, and nothing is read for a client that has gone."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from urllib.parse import urlencode

import pytest
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

from bench.fill import fill
from tests.support.attack import assert_honest_are_served, memory_bounded, memory_of, wait_until_memory_is_back
from tests.support.monitoring import ask
from tests.support.older import make_older
from tests.support.service import Client, Service, basic

WORDS = "a b c d e f g h i j k l m n o p q r s t"
SLOW = f"taskqueue?{urlencode({'search': WORDS})}"
"""Looks through long texts for the many tasks that lie between them, whatever the ordering."""
MANY, LONG = 10_001, 2000


def fill_with_long_texts(directory):
    """Rows as no client could make them: long texts take long to be looked through."""
    short = {"first": LONG + 1, "last": LONG + MANY, "all": LONG + MANY + LONG}
    with closing(sqlite3.connect(directory / "data" / "hourglass.db")) as connection, connection:
        connection.execute("CREATE TEMP TABLE texts AS SELECT ? AS short, ? AS long", (WORDS, "é " * 1500 + WORDS[:-1]))
        connection.execute(
            """
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :all)
            INSERT INTO tasks (job, params, description, metadata, status, stopping, forced, percent, round,
                checkpoint_round, message, created, last_modified, ended, stalled, outcome, interruptions, deaths,
                priority, pinned, revision)
            SELECT 'test_task', '{"times": 1}',
                CASE WHEN n BETWEEN :first AND :last THEN short ELSE long END, '{}', 'Aborted', 0, 0, 0, 0,
                0, '', 1, 1, 1, 0, 'Aborted', 0, 0, 0, 1, 1
            FROM number, texts
            """,
            short,
        )
        ids = "id BETWEEN :first AND :last"
        connection.execute(
            f"INSERT INTO task_words (rowid, words) SELECT id, description FROM tasks WHERE {ids}", short
        )
        connection.execute("UPDATE head SET aborted = :all, revision = 1", short)


@pytest.fixture(scope="module")
def long_texts(tmp_path_factory):
    """A server's directory in which a search takes seconds."""
    service = Service(tmp_path_factory.mktemp("searches"))
    service.start()
    assert service.stop() == 0
    fill_with_long_texts(service.directory)
    yield service
    service.close()


async def asking(service: Service, method: str, path: str) -> IOStream:
    """A connection on which a call has been made that is not answered yet."""
    host, _, port = service.base.removeprefix("http://").partition(":")
    stream = await TCPClient().connect(host, int(port))
    name, value = next(iter(basic().items()))
    await stream.write(f"{method} /openattic/api/{path} HTTP/1.1\r\nHost: {host}\r\n{name}: {value}\r\n\r\n".encode())
    return stream


async def metrics(client: Client) -> str:
    return (await ask(client.service, "/metrics", headers=client.headers)).body.decode()


async def until_counted(client: Client, pattern: str) -> None:
    """Asks until the metrics say so: each question takes its turn, so nobody sleeps."""
    while not re.search(pattern, await metrics(client)):
        pass


async def test_a_list_that_takes_too_long_is_given_up_in_words_and_counted(long_texts):
    long_texts.start("--set", "limits.read_seconds=0.3")
    client = Client(long_texts)

    answer = await client.call("GET", SLOW)

    assert (answer.status, answer.kind) == (503, "application/problem+json")
    assert "read_seconds = 0.3" in answer.json["detail"]
    assert 'hourglass_refused_total{reason="read_seconds"} 1.0' in await metrics(client)
    while (after := await client.call("GET", "taskqueue?pageSize=1")).status == 503:  # on a machine that is busy
        pass
    assert after.json["count"] == MANY + 2 * LONG
    assert long_texts.stop() == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_search_ends_with_its_client(long_texts, method):
    long_texts.start("--set", "limits.read_seconds=3600")
    client = Client(long_texts)
    stream = await asking(long_texts, method, SLOW)
    await client.get("taskqueue/1")
    stream.close()

    await until_counted(client, rf'requests_total{{method="{method}",route="/openattic/api/taskqueue",status="499"}} 1')
    assert (await client.get("taskqueue?pageSize=1"))["count"] == MANY + 2 * LONG
    assert long_texts.stop() == 0


async def test_lists_and_statistics_wait_for_no_search(long_texts):
    long_texts.start("--set", "limits.read_seconds=3600")
    client = Client(long_texts)
    streams = [await asking(long_texts, "GET", SLOW) for _ in range(20)]
    last = asyncio.ensure_future(streams[-1].read_bytes(1))

    assert (await client.get("taskqueue?pageSize=1"))["count"] == MANY + 2 * LONG
    await client.get("statistics")
    await client.get("retention")

    assert not last.done()
    for stream in streams:
        stream.close()
    await asyncio.wait([last])
    assert isinstance(last.exception(), StreamClosedError)
    assert long_texts.stop() == 0


@pytest.mark.slow
async def test_a_stop_does_not_wait_for_a_search(long_texts):
    long_texts.start("--set", "limits.read_seconds=3600")
    streams = [await asking(long_texts, "GET", SLOW) for _ in range(20)]  # the last is not done so soon
    await Client(long_texts).get("taskqueue/1")
    long_texts.terminate()

    head = await streams[-1].read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    for stream in streams:
        stream.close()
    assert await asyncio.to_thread(long_texts.wait) == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_more_than_twenty_different_words_are_refused_in_words(client, method):
    text = " ".join(f"word{number}" for number in range(21))

    answer = await client.call(method, f"taskqueue?{urlencode({'search': text})}")

    assert answer.status == 400
    assert answer.json["errors"] == {"search": ["expected at most 20 different words, got 21: search for fewer"]}


async def test_a_word_that_is_repeated_counts_once(client):
    (await client.create("test_task", times=1))
    text = " ".join(["test", "TEST", "Task"] * 700)

    page = await client.get(f"taskqueue?{urlencode({'search': text})}")

    assert page["count"] == (await client.get("taskqueue?search=test+task"))["count"] > 0


@pytest.mark.parametrize(
    ("name", "sought"),
    [
        ("每日备份任务", "备份"),
        ("データベース", "ベー"),
        ("การสำรองข้อมูล", "ข้อมูล"),
        ("İstanbul", "istanbul"),
        ("हिन्दी", "हिन्दी"),
    ],
)
async def test_a_task_is_found_by_a_part_of_a_run_and_without_regard_to_case(client, name, sought):
    task = await client.create("holds", name=name)

    page = await client.get(f"taskqueue?{urlencode({'search': f'holding {sought}'})}")

    assert task["id"] in [one["id"] for one in page["results"]]


@pytest.mark.slow
async def test_the_words_of_an_older_database_are_made_anew_after_the_start_whatever_kills_it(service):
    descriptions = ["每日备份任务", "pool rbd"] * 1500
    make_older(service.directory / "data", descriptions)
    for _ in range(2):
        assert (await Client(service.start()).get("taskqueue?search=pool&pageSize=1"))["count"] == 1500
        service.kill()
    client = Client(service.start())

    while (await client.get(f"taskqueue?{urlencode({'search': '备份'})}&pageSize=1"))["count"] < 1500:
        assert (await client.get("taskqueue?search=pool&pageSize=1"))["count"] == 1500
    while "former_words" in tables(service):
        await client.get("statistics")
    assert service.stop() == 0


def tables(service: Service) -> set[str]:
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db")) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


ATTACKS = [
    " ".join(f"word{number}" for number in range(2000)),
    " ".join(["pool"] * 2000),
    "image in pool performance of getting d i g p o g ge get im po pe per perf perfo",
    "每日备份任务" * 300,
    "a" + "\u0301\u0316" * 3000,
]


@pytest.mark.parametrize(("tasks", "clients"), [(2000, 10), pytest.param(20_000, 60, marks=pytest.mark.slow)])
async def test_searches_as_an_attack_hold_up_nobody_and_take_no_memory(service, tasks, clients):
    fill(service.directory / "data", tasks)
    service.start()
    before = memory_of(service)
    searches = [f"taskqueue?{urlencode({'search': text, 'ordering': '-description'})}" for text in ATTACKS]

    with memory_bounded(service):
        for _ in range(3):
            streams = [await asking(service, "GET", searches[one % len(searches)]) for one in range(clients)]
            await assert_honest_are_served(service)
            for stream in streams:
                stream.close()

    statuses = [(await Client(service).call("GET", search)).status for search in searches]
    assert statuses == [400, 200, 200, 200, 200]
    wait_until_memory_is_back(service, before)
    assert await asyncio.to_thread(service.stop) == 0
