"""A child process of the server: sends and receives whole messages, and reports its end last, with a reason.

Workers and the readers of Ceph clusters are such processes. Everything happens in the event loop, without a thread. The
loop cuts received bytes into messages itself, so half a message blocks nobody; and it empties a pipe before it reports
the end of its process, so that an end always comes after the last message.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

import msgspec
import psutil

import streams
from processes.child import HELD_SIGNALS, begin
from processes.descriptors import limit_at_start
from processes.framing import LARGEST_MESSAGE_BYTES, Frames, FrameTooLong, encode, framed
from processes.relay import ChildPipe
from processes.shared_names import SharedNames

RECEIVE_BYTES = 256 * 1024
# More than the kernel buffers for a pipe: a process that escaped and continues to write must not delay another's end.
MOST_DRAINED_BYTES = 16 * 1024 * 1024
SHORTEST_BOOT_DELAY_SECONDS = 0.5
LONGEST_BOOT_DELAY_SECONDS = 30.0
# For ends that a process cannot refuse unless something blocks it: the pipe is closed, or it was asked to quit.
END_SECONDS = 10.0

NOT_A_MESSAGE = "sent something that is not a message"
AT_ONCE = "killed, as the server stopped at once"

spawning = multiprocessing.get_context("spawn")
Message = TypeVar("Message")


class ChildProcess(Generic[Message]):
    """One process: it calls `main` with its end of the pipe and with `settings`.

    Nothing here can block the loop: the pipe is read and written as far as possible, and the rest waits.
    A process that is stopped (SIGSTOP) or holds the GIL reads nothing, and a message may be larger than what the kernel
    takes for it. The end is seen through a pidfd, since a process that a job has forked may keep
    the pipe open forever.
    """

    def __init__(
        self,
        main: Callable[[socket.socket, Any], None],
        settings: object,
        *,
        name: str,
        decode: Callable[[bytes], Message],
        on_message: Callable[[Message], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._decode = decode
        self._on_message = on_message
        self._on_end = on_end
        self._names = SharedNames(self._loop, resource_tracker)
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        self._printed_and_logged: list[ChildPipe] = []
        self._process, self.pid = self._start(main, theirs, settings, name)
        self.is_doomed = False
        self.ended = asyncio.Event()
        self._started_at = self._loop.time()
        self._usage: psutil.Process | None = None
        self._reason: str | None = None
        self._frames = Frames(LARGEST_MESSAGE_BYTES)
        self._unsent = bytearray()
        self._is_heard = True
        self._is_held = False
        self._has_ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._pidfd = os.pidfd_open(self.pid)
        self._names.listen()
        self._loop.add_reader(self._channel, self._receive)
        self._loop.add_reader(self._pidfd, self._end)

    def _start(
        self, main: Callable[[socket.socket, Any], None], theirs: socket.socket, settings: object, name: str
    ) -> tuple[SpawnProcess, int]:
        ours: list[int] = []
        with ExitStack() as stack:
            stack.enter_context(theirs)
            try:
                outputs = [stack.enter_context(self._pipe(ours)) for _ in range(2)] if streams.current else []
                its_names = stack.enter_context(self._names.theirs)
                process = spawning.Process(
                    target=begin, args=(main, theirs, settings, limit_at_start(), its_names, outputs), name=name
                )
                with signals_held():
                    process.start()
            except OSError:
                self._channel.close()
                self._names.discard()
                for descriptor in ours:
                    os.close(descriptor)
                raise
        assert process.pid
        _waited_for.add(process.pid)
        if streams.current:
            takes = (streams.current.printed_by(f"{name} {process.pid}"), streams.current.logged_by_child())
            self._printed_and_logged = [ChildPipe(*one) for one in zip(ours, takes, strict=True)]
            for pipe in self._printed_and_logged:
                streams.current.relay.take(pipe)
        return process, process.pid

    @staticmethod
    def _pipe(ours: list[int]) -> Connection:
        """Makes a pipe; adds our end to `ours` and returns theirs."""
        read, write = os.pipe()
        ours.append(read)
        return Connection(write, readable=False)

    def send(self, message: object) -> None:
        self._unsent += framed(encode(message))
        self._flush()

    def kill(self, reason: str) -> None:
        """Kills it at once, with all processes that its jobs have left; the first reason given is reported."""
        self.is_doomed = True
        self._reason = self._reason or reason
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._kill_group()

    def hold(self) -> None:
        """Handles no further message, nor the end, until `resume`: for a message that takes long to handle."""
        self._is_held = True
        self._loop.remove_reader(self._channel)

    def resume(self) -> None:
        """Handles messages again, those first that have come meanwhile."""
        self._is_held = False
        self._take(b"")
        if self._is_held:
            return
        if self._has_ended:
            self._end()
        elif self._is_heard:
            self._loop.add_reader(self._channel, self._receive)

    def usage(self) -> tuple[float | None, int | None]:
        """Returns the CPU in percent since the last call, and the memory in bytes; None if it has just ended."""
        try:
            self._usage = self._usage or psutil.Process(self.pid)
            return self._usage.cpu_percent(interval=None), self._usage.memory_info().rss
        except psutil.Error:
            return None, None

    def used(self) -> tuple[float | None, int | None]:
        """Returns the CPU seconds since its start, and the memory in bytes; None if it has just ended.

        Unlike `usage`, a call does not begin a new period.
        """
        try:
            self._usage = self._usage or psutil.Process(self.pid)
            times = self._usage.cpu_times()
            return times.user + times.system, self._usage.memory_info().rss
        except psutil.Error:
            return None, None

    def uptime_seconds(self) -> float:
        return self._loop.time() - self._started_at

    # The pipe

    def _flush(self) -> None:
        try:
            del self._unsent[: self._channel.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # nobody reads any more; the pidfd reports the end
        if self._unsent:
            self._loop.add_writer(self._channel, self._flush)
        else:
            self._loop.remove_writer(self._channel)

    def _receive(self) -> None:
        data = self._read()
        if data:
            self._take(data)
        elif data is not None:
            self._lose_pipe()

    def _read(self) -> bytes | None:
        """Returns some bytes, none at the end of the pipe, None if nothing has come."""
        try:
            return self._channel.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _take(self, data: bytes) -> None:
        for message in self._messages(data):
            self._on_message(message)
            if self._is_held:
                return  # the rest stays in the frames

    def _messages(self, data: bytes) -> Iterator[Message]:
        try:
            for frame in self._frames.feed(data):
                yield self._decode(frame)
        except (FrameTooLong, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
            self._stop_reading()
            self.kill(NOT_A_MESSAGE)

    def _lose_pipe(self) -> None:
        """Waits for the end of the process, which usually follows. If a job has closed the pipe, the process is killed:
        nothing could be received any more."""
        self._stop_reading()
        self._timer = self._loop.call_later(END_SECONDS, self.kill, "closed its pipe to the server")

    def _stop_reading(self) -> None:
        self._is_heard = False
        self._loop.remove_reader(self._channel)

    # The end

    def _end(self) -> None:
        """Reports the end. The process is dead but not waited for yet: until then its pid is not reused."""
        self.is_doomed = True
        self._kill_group()
        self._drain()
        if self._is_held:
            self._has_ended = True
            self._loop.remove_reader(self._pidfd)
            return
        self._close()
        self._process.join()
        _waited_for.discard(self.pid)
        reap_orphans()  # those that have ended since
        reason = self._reason or death_in_words(self._process.exitcode)
        self._process.close()
        self._on_end(reason)
        self.ended.set()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _drain(self) -> None:
        for _ in range(MOST_DRAINED_BYTES // RECEIVE_BYTES):
            data = self._read() if self._is_heard and not self._is_held else None
            if not data:
                return
            self._take(data)

    def _close(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._pidfd)
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        self._channel.close()
        self._names.free()
        os.close(self._pidfd)
        for pipe in self._printed_and_logged:
            if streams.current:
                streams.current.relay.let_go(pipe)


_waited_for: set[int] = set()
"""The processes that a ChildProcess waits for."""


def reap_orphans() -> None:
    """Reaps ended children that nobody here has started, without blocking; call it on SIGCHLD.

    As process 1 of a container, or as a subreaper, this process inherits what jobs have left behind.
    """
    with suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in _waited_for:
                return  # whose end is handled soon, and then this is called again
            os.waitid(os.P_PID, ended.si_pid, os.WEXITED | os.WNOHANG)


@contextmanager
def signals_held() -> Iterator[None]:
    """Holds signals back: a process started now inherits the mask, and Ctrl-C must not reach it before it has its
    handlers."""
    resource_tracker.ensure_running()  # or the start of a process does it, and unblocks the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def death_in_words(exit_code: int | None) -> str:
    """Describes multiprocessing's exit code: a negative one is the signal that killed the process."""
    if exit_code is None or exit_code >= 0:
        return f"exited with code {exit_code}"
    if exit_code == -signal.SIGKILL:
        return "killed by signal 9 (out of memory?)"
    return f"killed by signal {-exit_code}{_signal_name(-exit_code)}"


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""
