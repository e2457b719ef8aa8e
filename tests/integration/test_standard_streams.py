"""A server serves whatever its standard error is: unread, closed, a stopped terminal, a full disk."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios

import pytest

from tests.support.made import waiting
from tests.support.monitoring import ask
from tests.support.service import JOBS, PASSWORD, ROOT, Client

PATIENCE_SECONDS = 30


class Started:
    """A server with streams of the test's choice. Its address is read from what it listens on."""

    def __init__(self, directory):
        self.directory = directory
        self.server = None
        self.base = ""

    def start(self, *options, shell_redirects="", **streams):
        command = [sys.executable, str(ROOT / "server.py"), f"--data-dir={self.directory / 'data'}"]
        settings = ["--set", f"jobs.modules={JOBS}", "--set", "workers.count=1", *options]
        self.server = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" {shell_redirects}', "sh", *command, f"--port={free_port()}", *settings],
            cwd=ROOT,
            env={**os.environ, "HOURGLASS_ADMIN_PASSWORD": PASSWORD},
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams},
        )
        port = next(one for one in self.server.args if one.startswith("--port=")).removeprefix("--port=")
        self.base = f"http://127.0.0.1:{port}"
        return self

    async def serves(self):
        """Waits until it answers."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await ask(self, "/health")
                except OSError:
                    assert self.server.poll() is None, "it has ended"
                    await asyncio.sleep(0.05)

    async def stop(self):
        self.server.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.server.wait, PATIENCE_SECONDS)

    def close(self):
        if self.server:
            self.server.kill()
            self.server.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def started(tmp_path):
    one = Started(tmp_path)
    yield one
    one.close()


def a_full_pipe():
    """Both ends of a pipe that takes no byte more."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    for size in (4096, 1):
        try:
            while os.write(write, b"x" * size):
                pass
        except BlockingIOError:
            pass
    os.set_blocking(write, True)
    return read, write


async def delete_many(client, count=300):
    """Each deletion of a task is a line of the log, as is each abort before it."""
    body = [waiting()] * count
    tasks = (await client.call("POST", "taskqueue", body)).json["results"]
    ids = "&".join(f"id={task['id']}" for task in tasks)
    for _ in range(2):
        assert (await client.call("DELETE", f"taskqueue?{ids}")).status == 200


async def dropped(service):
    text = (await ask(service, "/metrics", headers=Client(service).headers)).body.decode()
    return float(re.search(r"^hourglass_log_lines_dropped_total (\S+)$", text, re.MULTILINE)[1])


async def until_dropped(service):
    """Waits until the server has tried to write what was printed, which may be after its task has ended."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await dropped(service):  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.02)


def lines_until(descriptor, text):
    """Reads lines until one has the text."""
    lines = [b""]
    while not any(text in line for line in lines[:-1]):
        assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0], lines
        data = os.read(descriptor, 65536)
        assert data, lines
        *whole, rest = (lines.pop() + data).split(b"\n")
        lines += [*whole, rest]
    return lines


async def test_a_standard_error_that_nobody_reads_blocks_nothing_and_dropped_lines_are_counted(started):
    read, write = a_full_pipe()
    started.start("--set", "log.level=debug", stderr=write)
    await started.serves()
    client = Client(started)
    await delete_many(client)
    printed = await client.create("prints_much", lines=20_000)
    assert (await client.ended(printed["id"]))["status"] == "Finished"
    await delete_many(client)
    await until_dropped(started)
    os.close(write)
    while os.read(read, 65536).strip(b"x") == b"":
        pass
    lines = await asyncio.to_thread(lines_until, read, b"lines were dropped")
    assert re.search(rb"WARNING hourglass.log: [\d,]+ lines were dropped", b"\n".join(lines))
    draining = asyncio.create_task(asyncio.to_thread(lines_until, read, b"INFO hourglass: stopped"))
    assert await started.stop() == 0
    await draining
    os.close(read)


async def test_a_terminal_that_was_stopped_holds_up_nothing_not_even_the_end(started):
    ours, theirs = pty.openpty()
    started.start(stdin=theirs, stdout=theirs, stderr=theirs)
    await started.serves()
    termios.tcflow(theirs, termios.TCOOFF)  # as Ctrl-S does
    client = Client(started)
    await delete_many(client)
    task = await client.create("prints_much", lines=2000)
    assert (await client.ended(task["id"]))["status"] == "Finished"
    assert await started.stop() == 0
    os.close(theirs)
    os.close(ours)


async def test_a_reader_that_has_gone_fails_neither_the_server_nor_a_job_that_prints(started):
    read, write = os.pipe()
    started.start(stdout=write, stderr=write)
    os.close(write)
    await started.serves()
    os.close(read)
    client = Client(started)
    task = await client.create("prints_much", lines=2000)
    assert (await client.ended(task["id"]))["status"] == "Finished"
    await until_dropped(started)
    assert await started.stop() == 0


HALF_PRINTED = r"half a character: \ud83d"
REDIRECTS = ["0<&- 1>&- 2>&-"]
MORE_REDIRECTS = [
    ">/dev/full 2>&1",
    "1>&-",
    "2>&-",
    "0<&-",
    "0<&- 1>&-",
    "0<&- 2>&-",
    "1>&- 2>&-",
    ">/dev/full",
    "2>/dev/full",
    "2</dev/null",
]


@pytest.mark.parametrize(
    "redirects", [*REDIRECTS, *(pytest.param(one, marks=pytest.mark.slow) for one in MORE_REDIRECTS)]
)
async def test_a_start_with_closed_descriptors_or_an_output_that_cannot_be_written_serves(started, redirects):
    started.start(shell_redirects=redirects)
    await started.serves()
    client = Client(started)
    task = await client.create("prints_much", lines=10)
    assert (await client.ended(task["id"]))["status"] == "Finished"
    for descriptor in range(3):
        target = os.readlink(f"/proc/{started.server.pid}/fd/{descriptor}")
        assert "hourglass" not in target
        assert "socket" not in target
    assert await started.stop() == 0


@pytest.mark.parametrize("redirects", [">output", pytest.param(">output 2>&1", marks=pytest.mark.slow)])
async def test_workers_come_up_if_the_output_is_a_file(started, tmp_path, redirects):
    started.start(shell_redirects=redirects.replace("output", f"{tmp_path}/output"))
    await started.serves()
    client = Client(started)
    task = await client.create("prints_much", lines=10)
    assert (await client.ended(task["id"]))["status"] == "Finished"
    assert await started.stop() == 0


async def test_what_a_job_prints_is_lines_of_the_log_that_forge_none(started):
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1024 * 1024)
    started.start("--set", "log.format=json", stderr=write)
    os.close(write)
    await started.serves()
    client = Client(started)
    text = "\x1b[31mred\r2026-01-31 12:00:00,250 INFO hourglass: all is well"
    task = await client.create("prints", text=text)
    assert (await client.ended(task["id"]))["status"] == "Finished"
    assert await started.stop() == 0
    lines = [json.loads(line) for line in lines_until(read, b'"stopped"') if line]
    os.close(read)

    printed = [line["message"] for line in lines if line["logger"] == "hourglass.print"]
    assert [one.partition(" printed: ")[2] for one in printed] == [text, HALF_PRINTED, text, text]
