"""Code that is replaced on disk under a running server: a new worker runs it, and that is told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from tests.support.monitoring import ask
from tests.support.service import Client, Service

JOB = """
from collections.abc import Iterator
import helper_of_the_job
from jobs.definition.declaration import job
from jobs.definition.rounds import Round

@job(description="Counting")
def counts_up({parameters}) -> Iterator[Round]:
    yield Round(1)
    return 1
"""


class House:
    """A directory with a job module and what it imports, and a server that runs in it."""

    def __init__(self, directory):
        self.module = directory / "replaced_job.py"
        self.helper = directory / "helper_of_the_job.py"
        self.module.write_text(JOB.format(parameters="times: int"))
        self.helper.write_text("ONE = 1\n")
        self.service = Service(directory)
        path = f"import sys; sys.path.insert(0, {str(directory)!r}); sys.path.insert(0, '.'); "
        run = "import runpy; runpy.run_path('server.py', run_name='__main__')"
        self.service.program = [sys.executable, "-c", path + run]
        self.service.start("--set", "jobs.modules=replaced_job", "--set", "workers.count=2")
        self.client = Client(self.service)

    async def workers(self):
        return (await self.client.get("workers"))["results"]

    async def replace_worker(self):
        """Kills the first worker and returns the one in its place."""
        old = (await self.workers())[0]["pid"]
        os.kill(old, signal.SIGKILL)
        async with asyncio.timeout(30):
            while (new := (await self.workers())[0])["pid"] in (old, None) or new["state"] != "idle":  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.02)
        return new

    async def problems(self):
        return (await ask(self.service, "/health", headers=self.client.headers)).json["problems"]


@pytest.fixture
def house(tmp_path):
    one = House(tmp_path)
    yield one
    one.service.close()


async def test_a_worker_that_runs_other_code_than_the_server_says_so_until_it_is_as_it_was(house):
    assert "code_changed" not in await house.replace_worker()
    before = house.module.read_text()
    house.module.write_text(JOB.format(parameters="times: int, other: int"))

    assert (await house.replace_worker())["code_changed"] is True
    assert ["code_changed" in worker for worker in await house.workers()] == [True, False]
    (problem,) = await house.problems()
    assert "1 of 2 workers run other code than the server" in problem

    house.module.write_text(before)
    assert "code_changed" not in await house.replace_worker()
    assert await house.problems() == []

    house.helper.write_text("ONE = 2\n")
    assert (await house.replace_worker())["code_changed"] is True
