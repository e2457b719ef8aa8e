"""The example for scripts: it creates a task once, follows it to its end, and exits by its outcome."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
import threading

import pytest

from tests.support.made import NEVER
from tests.support.service import PASSWORD, ROOT, Client

SCRIPT = ROOT / "docs" / "examples" / "run_task.py"


class Script:
    """The script as a program of its own. What it says goes to one place."""

    def __init__(self, address, *arguments, **environment):
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            env={**os.environ, "HOURGLASS_URL": address, "HOURGLASS_PASSWORD": PASSWORD, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []

    @property
    def task_id(self):
        return int(self.lines[0].partition(":")[0].removeprefix("Task "))

    async def until(self, text):
        """Reads until a line has that text."""
        while line := await asyncio.to_thread(self.process.stdout.readline):
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return
        raise AssertionError(f"it never said {text!r} but: {self.lines}")

    async def end(self):
        """Its exit code."""
        self.lines += (await asyncio.to_thread(self.process.stdout.read)).splitlines()
        return await asyncio.to_thread(self.process.wait)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def started():
    """Starts the script; whatever a failed test leaves running is ended."""
    scripts = []

    def start(*arguments, **environment):
        scripts.append(Script(*arguments, **environment))
        return scripts[-1]

    yield start
    for script in scripts:
        script.close()


def port_of(service):
    return int(service.base.rpartition(":")[2])


async def test_a_task_that_finishes_is_shown_and_exits_with_0(client, started):
    script = started(client.service.base, "test_task", "times=3")

    assert await script.end() == 0
    assert script.lines[0].endswith(": Test task of 3 rounds")
    assert script.lines[-2:] == ["100% counted to 3", "Finished after 3 rounds"]
    assert len(script.lines) == len(set(script.lines))


async def test_a_task_that_fails_exits_with_1_and_its_reason(client, started):
    script = started(client.service.base, "fails", 'message="no such pool"', "rounds=1")

    assert await script.end() == 1
    assert script.lines[-1] == "Failed in round 2: ValueError: no such pool"


async def test_a_task_that_is_aborted_exits_with_2(client, started):
    script = started(client.service.base, "waits", "times=2", "in_round=2", f'until="{NEVER}"')
    await script.until("50% counted to 1")

    await client.call("DELETE", f"taskqueue/{script.task_id}?force=true")

    assert await script.end() == 2
    assert script.lines[-1].startswith("Aborted by admin")


async def test_a_task_that_was_aborted_and_deleted_while_nobody_looked_exits_with_2(service, started):
    client, port = Client(service.start()), port_of(service)
    script = started(service.base, "waits", "times=2", "in_round=2", f'until="{NEVER}"')
    await script.until("50% counted to 1")
    service.kill()
    await script.until("Waiting for the service")
    service.start()
    await client.call("DELETE", f"taskqueue/{script.task_id}?force=true")
    assert (await client.call("DELETE", f"taskqueue/{script.task_id}")).status == 204
    service.stop()

    service.start(f"--port={port}")

    assert await script.end() == 2
    assert script.lines[-1] == "Aborted"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "run_task.py JOB"),
        (["test_task", "times"], "NAME=JSON"),
        (["test_task", "times=five"], "NAME=JSON"),
        (["test_task", "times=0"], "expected a whole number from 1 to 1000000, got 0"),
        (["nonsense"], "test_task"),
    ],
)
async def test_what_cannot_be_created_exits_with_3_and_says_what_was_expected(client, started, arguments, said):
    script = started(client.service.base, *arguments)

    assert await script.end() == 3
    assert said in "\n".join(script.lines)


@pytest.mark.parametrize(
    "environment",
    [{"HOURGLASS_PASSWORD": "wrong"}, {"HOURGLASS_PATIENCE": "soon"}, {"HOURGLASS_URL": "nonsense"}],
)
async def test_a_wrong_environment_exits_with_3(client, started, environment):
    script = started(client.service.base, "test_task", "times=1", **environment)

    assert await script.end() == 3


async def test_a_service_that_stays_away_is_given_up(service, started):
    service.start()
    service.stop()
    script = started(service.base, "test_task", "times=1", HOURGLASS_PATIENCE="0")

    assert await script.end() == 3
    assert "does not answer" in script.lines[-1]


async def test_a_service_that_comes_later_gets_the_task_once(service, started):
    service.start()
    service.stop()
    script = started(service.base, "test_task", "times=1")
    await script.until("Waiting for the service")

    service.start(f"--port={port_of(service)}")

    assert await script.end() == 0
    assert (await Client(service).get("taskqueue"))["count"] == 1


@pytest.mark.parametrize("how", ["kill", pytest.param("stop", marks=pytest.mark.slow)])
async def test_a_restart_in_between_is_waited_for_and_nothing_is_missed(service, started, how):
    client, until = Client(service.start()), service.directory / "until"
    script = started(service.base, "waits", "times=3", "in_round=2", f'until="{until}"')
    await script.until("33% counted to 1")
    if how == "stop":  # the round under way has to end, or it would be waited for
        service.terminate()
        until.touch()
        assert await asyncio.to_thread(service.wait) == 0
    else:
        service.kill()
        until.touch()
    await script.until("Waiting for the service")

    service.start(f"--port={port_of(service)}")

    assert await script.end() == 0
    assert script.lines[-2:] == ["100% counted to 3", "Finished after 3 rounds"]
    assert (await client.get("taskqueue"))["count"] == 1


async def test_if_the_history_is_no_longer_retained_it_reads_the_task_itself(service, started):
    client, until = Client(service.start()), service.directory / "until"
    script = started(service.base, "waits", "times=3", "in_round=2", f'until="{until}"')
    await script.until("33% counted to 1")
    service.kill()
    await script.until("Waiting for the service")
    with sqlite3.connect(service.directory / "data" / "hourglass.db") as database:
        database.execute("UPDATE head SET revision = revision + 100, oldest = revision + 100")
    database.close()
    until.touch()

    service.start(f"--port={port_of(service)}")

    assert await script.end() == 0
    assert script.lines[-1] == "Finished after 3 rounds"
    assert (await client.get("taskqueue"))["count"] == 1


class LosingProxy:
    """Passes everything on to the service, but the first answer of all is lost on its way back, or is another one."""

    def __init__(self, port, *instead):
        self._port = port
        self._instead = [*instead]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.lost = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with near, socket.create_connection(("127.0.0.1", self._port)) as far:
                threading.Thread(target=self._pass_on, args=(near, far), daemon=True).start()
                answer = b"".join(iter(lambda: far.recv(65536), b""))
                if self._instead:
                    near.sendall(self._instead.pop(0))
                elif self.lost:
                    near.sendall(answer)
                else:
                    self.lost = len(answer)
                near.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _pass_on(near, far):
        try:
            while sent := near.recv(65536):
                far.sendall(sent)
        except OSError:
            return


async def test_a_creation_whose_answer_was_lost_is_repeated_and_creates_one_task(service, started):
    client = Client(service.start())
    proxy = LosingProxy(port_of(service))
    script = started(proxy.address, "test_task", "times=1")
    code = await script.end()
    proxy.close()

    assert code == 0
    assert proxy.lost
    assert "Waiting for the service" in script.lines[0]
    assert (await client.get("taskqueue"))["count"] == 1


def bad_gateway(status):
    body = b"<html>\x1b[2JBad Gateway\n</html>"
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


async def test_a_proxy_that_cannot_reach_the_service_is_asked_again(service, started):
    client = Client(service.start())
    proxy = LosingProxy(port_of(service), bad_gateway(b"502 Bad Gateway"), bad_gateway(b"504 Gateway Timeout"))
    proxy.lost = 1
    script = started(proxy.address, "test_task", "times=1")
    code = await script.end()
    proxy.close()

    assert code == 0
    assert [line.partition(": ")[2][:3] for line in script.lines[:2]] == ["502", "504"]
    assert all(line.isprintable() for line in script.lines)
    assert (await client.get("taskqueue"))["count"] == 1


async def test_a_proxy_that_never_reaches_it_is_given_up(service, started):
    service.start()
    proxy = LosingProxy(port_of(service), bad_gateway(b"502 Bad Gateway"))
    script = started(proxy.address, "test_task", "times=1", HOURGLASS_PATIENCE="0")
    code = await script.end()
    proxy.close()

    assert code == 3
    assert "does not answer: 502 Bad Gateway" in script.lines[-1]


async def test_what_messages_contain_is_printed_without_what_steers_a_terminal(client, started):
    text = "\\u001b[2J\\r\\n\\u202eFinished"
    script = started(client.service.base, "fails", f'message="{text}"')

    assert await script.end() == 1
    assert "\\x1b[2J" in script.lines[-1]
    assert all(line.isprintable() for line in script.lines)
