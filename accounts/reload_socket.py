"""The socket on which a command notifies the running server of changed accounts, and waits until they are in force.

Connecting is the message; the server answers with one byte when it has acted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

from jobs.errors import HourglassError, StartError

log = logging.getLogger("hourglass.bell")

NAME = "bell.sock"
PATIENCE_SECONDS = 5.0
BACKLOG = 128
PAUSE_SECONDS = 0.1
DONE = b"!"

OnNotify = Callable[[], Awaitable[None]]


@asynccontextmanager
async def listen(data_dir: Path, on_notify: OnNotify) -> AsyncIterator[None]:
    """Calls `on_notify` for each notification, one at a time, and answers when it has returned.

    Calls it once at the beginning too, since commands may have changed something before. Raises StartError.
    """
    with _path(data_dir) as path, closing(_bind(path, data_dir)) as listening:
        answering = asyncio.create_task(_answer_all(listening, on_notify))
        try:
            await on_notify()
            yield
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
            answering.cancel()
            await asyncio.wait([answering])


def notify(data_dir: Path) -> bool:
    """Returns whether a server is running; it has acted then. Raises HourglassError if one runs but does not answer."""
    with _path(data_dir) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            _connect(client, path)
            answer = client.recv(len(DONE))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise _unanswered(str(error)) from error
    if answer != DONE:
        raise _unanswered("it could not read them; its log says why")
    return True


def _connect(client: socket.socket, path: str) -> None:
    """Connects, and leaves the rest of the time limit for the answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    client.settimeout(PATIENCE_SECONDS)
    client.connect(path)
    client.settimeout(max(deadline - time.monotonic(), 0.001))


def _unanswered(reason: str) -> HourglassError:
    return HourglassError(
        f"The change is stored, but the running server may not have applied it ({reason}); restart it to be sure."
    )


@contextmanager
def _path(data_dir: Path) -> Iterator[str]:
    """Yields a short path, however deep the directory lies: a socket's may have 107 characters."""
    descriptor = os.open(data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def _bind(path: str, data_dir: Path) -> socket.socket:
    """Returns the socket, in place of one that a killed server has left."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.fchmod(listening.fileno(), 0o600)  # before bind, which gives the file this mode: no moment open to others
        listening.bind(path)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartError(
            f"[storage] data_dir: expected a directory that can hold a socket, got {data_dir} ({error.strerror})"
        ) from error
    return listening


async def _answer_all(listening: socket.socket, on_notify: OnNotify) -> None:
    while True:
        try:
            await _answer_one(listening, on_notify)
        except Exception:
            # Unanswered, the command says so; the next one may succeed. Without free descriptors, it must not spin.
            log.exception("a change of accounts could not be applied")
            await asyncio.sleep(PAUSE_SECONDS)


async def _answer_one(listening: socket.socket, on_notify: OnNotify) -> None:
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(listening)
    with connection:
        await on_notify()
        with suppress(ConnectionError):
            await loop.sock_sendall(connection, DONE)
