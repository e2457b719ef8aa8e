"""As the first process of a container, the server waits for the orphans of jobs, and loses no exit code of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from tests.faults.support import lines_of
from tests.support.service import Client, Service

# As process 1 does, a subreaper inherits the orphans of its descendants.
AS_SUBREAPER = """
import ctypes, runpy, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
if sys.argv.pop(1) == "asyncio":
    sys.modules["uvloop"] = None
runpy.run_path("server.py", run_name="__main__")
"""


@pytest.fixture(params=["uvloop", pytest.param("asyncio", marks=pytest.mark.slow)])
def service(request, tmp_path):
    one = Service(tmp_path)
    one.program = [sys.executable, "-c", AS_SUBREAPER, request.param]
    yield one
    one.close()


async def until(holds):
    """Waits for what no event tells."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  another process cannot set an event of ours
            await asyncio.sleep(0.02)


def is_gone(pid):
    """Whether not even a zombie is left."""
    return not os.path.exists(f"/proc/{pid}")


async def test_orphans_of_jobs_do_not_stay_as_zombies_and_deaths_of_workers_are_described_correctly(service):
    client, path = Client(service.start("--set", "workers.count=1")), service.directory / "orphans"
    for seconds in (0, 0.1, 60):
        task = await client.create("leaves_an_orphan", seconds=seconds, record_path=str(path))
        assert (await client.ended(task["id"]))["status"] == "Finished"
    *brief, lasting = map(int, await lines_of(path, 3))
    for pid in brief:
        await until(lambda pid=pid: is_gone(pid))
    for number, words in ((signal.SIGSEGV, "killed by signal 11 (SIGSEGV)"), (signal.SIGKILL, "killed by signal 9")):
        worker = (await client.get("workers"))["results"][0]["pid"]
        task = await client.create("kills_itself", number=int(number))
        await until(lambda worker=worker: is_gone(worker))
        await client.call("DELETE", f"taskqueue/{task['id']}?force=true")
        await until(lambda words=words: words in (service.directory / "server.log").read_text())
        await client.ended(task["id"])
    os.kill(lasting, signal.SIGKILL)
    await until(lambda: is_gone(lasting))
    assert service.stop() == 0
