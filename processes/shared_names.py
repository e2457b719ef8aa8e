"""Memory and semaphores that a process shares by name: freed when it ends, however it ends.

multiprocessing has one process that frees them, its resource tracker, and a spawned process uses that of the one that
started it: what a killed worker had would stay until the server ends. So the server itself is the tracker of each of
its processes, one pipe each. Its own tracker knows the names as well, in case that it is the server that is killed.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Protocol

FOLDER = "/dev/shm/"  # noqa: S108
PREFIXES = {"shared_memory": "", "semaphore": "sem."}
MOST_NAMES = 10_000
MOST_AT_ONCE = 20
LONGEST_MESSAGE_BYTES = 1024

Name = tuple[str, str]
"""A name, and of what kind."""


class Tracker(Protocol):
    """The server's own, which frees what is left when the server has ended."""

    def register(self, name: str, rtype: str) -> object: ...
    def unregister(self, name: str, rtype: str) -> object: ...


class SharedNames:
    """The server's end: what a process, and those that it has started, have registered and not unregistered."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tracker: Tracker) -> None:
        # Of whole messages, as multiprocessing writes them.
        self._channel, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        self._names: set[Name] = set()
        self._loop = loop
        self._tracker = tracker

    def listen(self) -> None:
        """Listens to the process, which has its own end now."""
        self.theirs.close()
        self._loop.add_reader(self._channel, self._read_some)

    def discard(self) -> None:
        """Closes both ends: there is no process."""
        self.theirs.close()
        self._channel.close()

    def free(self) -> None:
        """Frees what the process has left. Removing much memory takes time, so the loop does not wait for it."""
        self._read_some(MOST_NAMES)
        self._loop.remove_reader(self._channel)
        self._channel.close()
        if self._names:
            self._loop.run_in_executor(None, partial(_remove, self._names, self._tracker))

    def _read_some(self, most: int = MOST_AT_ONCE) -> None:
        for _ in range(most):
            try:
                message = self._channel.recv(LONGEST_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._loop.remove_reader(self._channel)
                return
            self._take(message)

    def _take(self, message: bytes) -> None:
        """Takes in a message like `REGISTER:/psm_1234:shared_memory`, and ignores all others."""
        command, _, rest = message.decode("ascii", "replace").strip().partition(":")
        text, _, kind = rest.rpartition(":")
        if path_of((text, kind)) is None:
            return
        if command == "REGISTER" and len(self._names) < MOST_NAMES and (text, kind) not in self._names:
            self._names.add((text, kind))
            self._tracker.register(text, kind)
        elif command == "UNREGISTER" and (text, kind) in self._names:
            self._names.discard((text, kind))
            self._tracker.unregister(text, kind)


def path_of(name: Name) -> str | None:
    """Returns the file behind this name; None if it is no such name."""
    text, kind = name[0].strip("/"), name[1]
    if kind not in PREFIXES or text in ("", ".", "..") or "/" in text or "\0" in text:
        return None
    return f"{FOLDER}{PREFIXES[kind]}{text}"


def _remove(names: Iterable[Name], tracker: Tracker) -> None:
    for name in names:
        with suppress(OSError):
            os.unlink(path_of(name) or "")
        tracker.unregister(*name)
