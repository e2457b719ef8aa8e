"""By this bell a command tells the running server that accounts have changed, and hears that it is in force.

To connect is to ring; the server answers with one byte when it has acted.
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

OnRing = Callable[[], Awaitable[None]]


@asynccontextmanager
async def listen(data_dir: Path, on_ring: OnRing) -> AsyncIterator[None]:
    """Calls `on_ring` for each ring, one at a time, and answers when it has returned.

    Calls it once at the beginning too: whoever rang before found nobody. Raises StartError.
    """
    with _path(data_dir) as path, closing(_hang(path, data_dir)) as bell:
        answering = asyncio.create_task(_answer_all(bell, on_ring))
        try:
            await on_ring()
            yield
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
            answering.cancel()
            await asyncio.wait([answering])


def ring(data_dir: Path) -> bool:
    """Whether a server runs, which has acted then. Raises HourglassError where one runs but does not answer."""
    with _path(data_dir) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bell:
        try:
            _connect(bell, path)
            answer = bell.recv(len(DONE))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise _unanswered(str(error)) from error
    if answer != DONE:
        raise _unanswered("it could not read them; its log says why")
    return True


def _connect(bell: socket.socket, path: str) -> None:
    """Connects and leaves the rest of the patience for the answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    bell.settimeout(PATIENCE_SECONDS)
    bell.connect(path)
    bell.settimeout(max(deadline - time.monotonic(), 0.001))


def _unanswered(reason: str) -> HourglassError:
    return HourglassError(
        f"The change is stored, but the running server has not taken it up ({reason}); restart it to be sure."
    )


@contextmanager
def _path(data_dir: Path) -> Iterator[str]:
    """A path of a few characters, however deep the directory lies: a socket's may have 107."""
    descriptor = os.open(data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def _hang(path: str, data_dir: Path) -> socket.socket:
    """The socket, in place of one that a killed server has left."""
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.fchmod(bell.fileno(), 0o600)  # before bind, which gives the file this mode: no moment open to others
        bell.bind(path)
        bell.listen(BACKLOG)
    except OSError as error:
        bell.close()
        raise StartError(
            f"[storage] data_dir: expected a directory that can hold a socket, got {data_dir} ({error.strerror})"
        ) from error
    return bell


async def _answer_all(bell: socket.socket, on_ring: OnRing) -> None:
    while True:
        try:
            await _answer_one(bell, on_ring)
        except Exception:
            # Unanswered, the command says so; the next ring may go better. Out of descriptors, it must not spin.
            log.exception("a change of accounts was not taken up")
            await asyncio.sleep(PAUSE_SECONDS)


async def _answer_one(bell: socket.socket, on_ring: OnRing) -> None:
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(bell)
    with connection:
        await on_ring()
        with suppress(ConnectionError):
            await loop.sock_sendall(connection, DONE)
