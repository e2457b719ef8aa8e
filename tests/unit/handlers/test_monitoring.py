"""What is told while the database cannot be read at all, which no real one can be made to do on cue."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.web import Application

from handlers.http.access_log import HttpTally
from handlers.http.connections import Connections
from handlers.http.limits import ClientLimits
from handlers.routes import make_application
from handlers.settings import LimitSettings, MonitoringSettings
from jobs.definition.loading import load_registry
from jobs.errors import StorageUnavailable
from jobs.queue.retention_pause import RetentionPause
from jobs.queue.task_queue import TaskQueue
from jobs.store import CommitTally
from storage.memory import MemoryStore
from tests.support.engine import ScriptedEngine
from tests.support.monitoring import Samples


class UnreadableStore(MemoryStore):
    async def head(self):
        raise StorageUnavailable


async def no_check():
    """There are no files to check."""


def no_size():
    raise OSError


@pytest.fixture
def app() -> Application:
    registry = load_registry()
    engine = ScriptedEngine(1)
    queue = TaskQueue(UnreadableStore(), engine, registry)
    health = SimpleNamespace(write_problem=None, problems=[], check=no_check, commits=CommitTally(), size_bytes=no_size)
    return make_application(
        SimpleNamespace(
            config=SimpleNamespace(
                monitoring=MonitoringSettings(sign_in=()), storage=SimpleNamespace(data_dir=Path("/nonexistent/data"))
            ),
            version="1",
            store=queue._store,
            queue=queue,
            workers=engine,
            health=health,
            registry=registry,
            retention_pause=RetentionPause(None),
            connections=Connections(),
            answers=HttpTally(),
            limits=ClientLimits.of(LimitSettings()),
            started=0.0,
        )
    )


async def test_it_is_not_ready_and_says_why(http_client, base_url):
    answer = await http_client.fetch(f"{base_url}/ready", raise_error=False)

    assert answer.code == 503
    assert b"cannot be read" in answer.body


async def test_health_does_not_ask_the_database(http_client, base_url):
    assert (await http_client.fetch(f"{base_url}/health")).code == 200


async def test_all_other_numbers_are_told_even_without_a_disk(http_client, base_url):
    now = Samples((await http_client.fetch(f"{base_url}/metrics")).body.decode())

    assert now.of("database_readable") == 0
    assert now.of("tasks", "Running") is None
    assert now.of("data_free_bytes") is None
    assert now.of("workers", "idle") == 1
    assert now.of("tasks_created_total") == 0


async def test_every_file_of_the_page_is_counted_as_one(http_client, base_url):
    for name in ("css/page.css", "js/main.js", "img/hourglass.svg"):
        await http_client.fetch(f"{base_url}/openattic/static/{name}")
    now = Samples((await http_client.fetch(f"{base_url}/metrics")).body.decode())

    assert now.of("http_requests_total", "GET", "/openattic/static", "200") == 3
    assert now.of("http_requests_total", "GET", "none", "200") is None
