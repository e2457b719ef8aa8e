"""The child's side of a child process: its set-up before its own work, and its end.

It must not outlive its server: no worker may run beside those of the server's successor.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NoReturn

import logs
from processes.descriptors import restore_descriptor_limit

HELD_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Above the server's own, so that the kernel takes a worker first when memory runs out.
OOM_SCORE = 500
PR_SET_PDEATHSIG = 1


def leave(code: int) -> NoReturn:
    """Ends the process. Not by sys.exit: that would wait for threads that a job has left running, perhaps forever."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def begin(
    main: Callable[[socket.socket, Any], None],
    channel: socket.socket,
    settings: Any,
    descriptors: int,
    names: socket.socket,
    outputs: Sequence[Connection],
) -> None:
    """Runs `main` in a process that was just spawned, with as many descriptors as the server itself was given.

    What is printed and what is logged there goes to the two outputs, if there are any.
    """
    restore_descriptor_limit(descriptors)
    _use_tracker(names)
    if outputs:
        printed, logged = outputs
        os.dup2(printed.fileno(), 2)
        logs.send_to_server(os.dup(logged.fileno()))  # not inherited by what a job starts
        for output in outputs:
            output.close()
    main(channel, settings)


def _use_tracker(names: socket.socket) -> None:
    """Makes multiprocessing report to the server what is shared by name, see `SharedNames`."""
    tracker = resource_tracker._resource_tracker
    inherited = tracker._fd  # type: ignore[attr-defined]
    tracker._fd = names.detach()  # type: ignore[attr-defined]
    if inherited is not None:
        os.close(inherited)


def become_child(channel: socket.socket, server_pid: int) -> None:
    """Ties the process to its server's life, and separates it from its terminal, its input and its output.

    It starts with the signals of HELD_SIGNALS blocked.
    """
    die_with(server_pid)
    # A group of its own: what a job leaves behind can be killed with it, and Ctrl-C in a terminal does not reach it.
    os.setpgid(0, 0)
    for number in HELD_SIGNALS:
        signal.signal(number, _stay)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)
    channel.set_inheritable(False)
    _redirect_streams()
    _offer_to_oom_killer()
    os.register_at_fork(after_in_child=_parted_from(channel, os.getpid(), threading.get_ident()))


def die_with(parent_pid: int) -> None:
    """Lets the kernel kill this process when its parent ends, even while it holds the GIL.

    Only while the thread that started it lives; the server starts its workers from its main thread.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)  # it had ended before we asked


def _stay(_number: int, _frame: FrameType | None) -> None:
    """Ignores a signal: the order to stop comes through the pipe. Not SIG_IGN, which children of jobs would inherit."""


def _redirect_streams() -> None:
    """Separates what a job prints from the server's one line, and gives it no input to wait for."""
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, TextIOWrapper):
        # A worker that is killed has said what it printed; and names of files that are not UTF-8 can be printed. Made
        # anew: the one that is there looks for its place in the file that the server's output may go to.
        sys.stdout = open(  # noqa: SIM115
            1, "w", buffering=1, encoding=sys.stdout.encoding, errors="backslashreplace", closefd=False
        )


def _offer_to_oom_killer() -> None:
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(str(OOM_SCORE))


def _parted_from(channel: socket.socket, worker_pid: int, main_thread: int) -> Callable[[], None]:
    """Returns what a process forked by a job does first: it cannot report as the worker, and ends with it."""

    def part() -> None:
        channel.close()
        if threading.get_ident() == main_thread:  # forked by another thread, it would end with that thread
            die_with(worker_pid)

    return part


def hold_lock(path: str) -> None:
    """Holds the lock until the process ends: the next server waits until no worker holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.register_at_fork(after_in_child=lambda: os.close(lock))
    fcntl.flock(lock, fcntl.LOCK_SH)
