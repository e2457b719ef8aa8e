"""Worker processes: started, fed, watched, restarted.

Everything happens in the event loop, without a thread and without a timer while nothing goes on. The loop reads what
has come and cuts it into messages itself, so half a message holds up nobody; and it drains a pipe before it tells of
its worker's end, so that an end always comes after the last report.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker

import msgspec
import psutil
from msgspec import Struct

from jobs.engine import EngineListener, WorkerUsage
from jobs.frames import Frames, FrameTooLong, framed
from jobs.messages import (
    LARGEST_MESSAGE_BYTES,
    Abort,
    Acknowledge,
    BootFailed,
    Ended,
    Order,
    Quit,
    Ready,
    Report,
    Reported,
    Start,
    decode_report,
    encode,
)
from jobs.views import WorkerView
from jobs.worker import HELD_SIGNALS, WorkerSettings, main

RECEIVE_BYTES = 256 * 1024
# More than the kernel holds for a pipe: a process that escaped and goes on writing must not hold up a worker's end.
MOST_DRAINED_BYTES = 16 * 1024 * 1024
SHORTEST_BOOT_DELAY_SECONDS = 0.5
LONGEST_BOOT_DELAY_SECONDS = 30.0
# For ends that a worker cannot refuse, unless something holds it up: the pipe is closed, or it was told to quit.
END_SECONDS = 10.0

NOT_A_MESSAGE = "sent something that is not a message"
OUT_OF_TURN = "sent a message out of turn"
BY_FORCE = "killed by force"
AT_ONCE = "killed, as the server stopped at once"

logger = logging.getLogger(__name__)
spawning = multiprocessing.get_context("spawn")


class WorkerPool:
    """An engine (`jobs/engine.py`) of `count` worker processes. Set its `listener`, then `start` it."""

    listener: EngineListener

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        count: int,
        round_timeout_seconds: Callable[[Start], float] = lambda _order: 0,
        tasks_per_worker: int = 0,
    ) -> None:
        """`round_timeout_seconds` is asked once for each order. 0 means no limit, as in `tasks_per_worker`."""
        self.settings = settings
        self.round_timeout_seconds = round_timeout_seconds
        self.tasks_per_worker = tasks_per_worker
        self._workers = [Worker(self) for _ in range(count)]
        self.stopping = False

    async def start(self) -> None:
        """Starts the workers, from the main thread; `listener.worker_free` tells when one is ready."""
        for worker in self._workers:
            worker.boot()

    @property
    def free_workers(self) -> int:
        return sum(worker.state == "idle" for worker in self._workers)

    def start_task(self, order: Start) -> None:
        worker = next((worker for worker in self._workers if worker.state == "idle"), None)
        if worker is None:
            raise LookupError("no worker waits for a task")
        worker.run(order)

    def acknowledge(self, task_id: int) -> None:
        if worker := self._running(task_id):
            worker.acknowledge()

    def abort_task(self, task_id: int) -> None:
        if worker := self._running(task_id):
            worker.abort()

    def kill_task(self, task_id: int) -> None:
        if worker := self._running(task_id):
            worker.kill(BY_FORCE)

    def workers(self) -> list[WorkerView]:
        return [worker.view() for worker in self._workers]

    def worker_states(self) -> list[str]:
        return [worker.state for worker in self._workers]

    def worker_usage(self) -> list[WorkerUsage]:
        return [worker.process.used() if worker.process else WorkerUsage() for worker in self._workers]

    async def stop(self, grace_seconds: float) -> None:
        """As in the protocol; a second call, or one that is cancelled, kills what is left at once."""
        if self.stopping:
            grace_seconds = 0
        self.stopping = True
        for worker in self._workers:
            worker.quit()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._all_ended()
        except TimeoutError:
            self._kill_all(f"did not end within grace_seconds = {grace_seconds:g}" if grace_seconds else AT_ONCE)
        finally:
            self._kill_all(AT_ONCE)
            await self._all_ended()

    async def _all_ended(self) -> None:
        for worker in self._workers:
            if worker.process:
                await worker.process.ended.wait()

    def _kill_all(self, reason: str) -> None:
        for worker in self._workers:
            worker.kill(reason)

    def _running(self, task_id: int) -> Worker | None:
        return next((worker for worker in self._workers if worker.order and worker.order.task == task_id), None)


class Worker:
    """A place among `count`: the process that fills it, what that does, and what follows when it ends."""

    def __init__(self, pool: WorkerPool) -> None:
        self.process: WorkerProcess | None = None
        self.state = "starting"
        self.order: Start | None = None
        self._pool = pool
        self._booted = False
        self._boot_failure: str | None = None
        self._boot_delay_seconds = SHORTEST_BOOT_DELAY_SECONDS
        self._unacknowledged = False
        self._aborted = False
        self._round_timeout_seconds: float = 0
        # Of whatever may take too long at the moment: a round, an end. Or what is waited for: the next boot.
        self._timer: asyncio.TimerHandle | None = None

    def boot(self) -> None:
        """Starts a process; its state is told anew when it is ready, or has failed."""
        self._booted = False
        self._boot_failure = None
        try:
            self.process = WorkerProcess(self._pool.settings, self._take, self._ended)
        except OSError as error:
            self._boot_later(f"{error}")

    def run(self, order: Start) -> None:
        self.state = "busy"
        self.order = order
        self._unacknowledged = False
        self._aborted = False
        self._round_timeout_seconds = self._pool.round_timeout_seconds(order)
        self._send(order)
        self._watch_round()

    def acknowledge(self) -> None:
        if self.order and self._unacknowledged:
            self._unacknowledged = False
            self._send(Acknowledge(self.order.task))
            self._watch_round()

    def abort(self) -> None:
        if self.order and not self._aborted:
            self._aborted = True
            self._send(Abort(self.order.task))

    def kill(self, reason: str) -> None:
        if self.process:
            self.process.kill(reason)

    def quit(self) -> None:
        """For good: a worker that is not ready yet has nothing to lose."""
        if not self._booted:
            self._cancel_timer()
            self.kill(AT_ONCE)
        else:
            self._send(Quit())
        if not self.order:
            self.state = "ending"

    def view(self) -> WorkerView:
        process = self.process
        cpu_percent, memory_bytes = process.usage() if process else (None, None)
        return WorkerView(
            pid=process.pid if process else None,
            state=self.state,
            task=self.order.task if self.order else None,
            cpu_percent=cpu_percent,
            memory_bytes=memory_bytes,
            uptime_seconds=process.uptime_seconds() if process else None,
            tasks_done=process.tasks_done if process else 0,
        )

    # What the process says

    def _take(self, report: Report) -> None:
        match report:
            case Ready() if not self._booted:
                self._become_ready()
            case BootFailed(reason) if not self._booted:
                self._boot_failure = reason
            case Reported(task, rounds) if self._runs(task) and not self._unacknowledged:
                self._cancel_timer()
                self._unacknowledged = True
                self._pool.listener.rounds_reported(task, rounds)
            case Ended(task=task) if self._runs(task):
                self._end_task(report)
            case _:
                self.kill(OUT_OF_TURN)

    def _runs(self, task_id: int) -> bool:
        return self.order is not None and self.order.task == task_id

    def _become_ready(self) -> None:
        self._booted = True
        self._boot_delay_seconds = SHORTEST_BOOT_DELAY_SECONDS
        self._become_free()

    def _become_free(self) -> None:
        if not self._pool.stopping:
            self.state = "idle"
            self._pool.listener.worker_free()

    def _end_task(self, ended: Ended) -> None:
        """Free, or about to end, before anybody is told: the queue may have the next task at hand."""
        assert self.process
        self._cancel_timer()
        self.order = None
        self.process.tasks_done += 1
        leaves = self._leaves_after(ended)
        self.state = "ending" if leaves else "idle"
        self._pool.listener.task_ended(ended)
        if leaves:
            self._retire()
        elif self.state == "idle":
            self._pool.listener.worker_free()

    def _leaves_after(self, ended: Ended) -> bool:
        assert self.process
        is_worn = 0 < self._pool.tasks_per_worker <= self.process.tasks_done
        return self._pool.stopping or self.process.is_doomed or is_worn or _ran_out_of_memory(ended)

    def _retire(self) -> None:
        self._send(Quit())
        self._limit(END_SECONDS, "did not end when it was told to")

    def _ended(self, reason: str) -> None:
        assert self.process
        self._cancel_timer()
        order, self.order = self.order, None
        pid, self.process = self.process.pid, None
        about = {"task": order.task if order else None}
        if self._pool.stopping or self.state == "ending":
            logger.debug("Worker %d ended: %s", pid, reason, extra=about)
        else:
            logger.warning("Worker %d: %s", pid, self._boot_failure or reason, extra=about)
        self._replace(reason)
        if order:
            self._pool.listener.worker_died(order.task, reason)

    def _replace(self, reason: str) -> None:
        if self._pool.stopping:
            self.state = "ending"
        elif self._booted:
            self.state = "starting"
            self.boot()
        else:
            self._boot_later(self._boot_failure or reason)

    def _boot_later(self, reason: str) -> None:
        """Not at once, and ever less often: what stands in the way will not go away by itself so soon."""
        self.state = f"failed to start: {reason}"
        self._timer = asyncio.get_running_loop().call_later(self._boot_delay_seconds, self.boot)
        self._boot_delay_seconds = min(self._boot_delay_seconds * 2, LONGEST_BOOT_DELAY_SECONDS)

    # Helpers

    def _send(self, order: Order) -> None:
        if self.process:
            self.process.send(order)

    def _watch_round(self) -> None:
        """From the order to go on until the next report; while the server has rounds to commit, none is under way."""
        seconds = self._round_timeout_seconds
        if seconds:
            self._limit(seconds, f"a round took longer than round_timeout_seconds = {seconds:g}")

    def _limit(self, seconds: float, reason: str) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.kill, reason)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


class _ErrorType(Struct):
    type: str


def _ran_out_of_memory(ended: Ended) -> bool:
    """Whatever still holds on to that memory would soon be in the way of the next task."""
    return ended.error is not None and msgspec.json.decode(ended.error, type=_ErrorType).type == "MemoryError"


class WorkerProcess:
    """One child process: whole reports come out, orders go in, and its end comes last, in words.

    Nothing here can block the loop: the pipe is read and written as far as it goes, and the rest waits for its turn.
    A worker that is stopped (SIGSTOP) or holds the GIL reads nothing, and an order with its checkpoint may be larger
    than what the kernel takes for it. The end is seen through a pidfd, since a process that a job has forked may keep
    the pipe open for ever.
    """

    def __init__(
        self, settings: WorkerSettings, on_report: Callable[[Report], None], on_end: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_report = on_report
        self._on_end = on_end
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        self._process = spawning.Process(target=main, args=(theirs, settings), name="worker")
        self._start(theirs)
        assert self._process.pid
        self.pid: int = self._process.pid
        self.is_doomed = False
        self.tasks_done = 0
        self.ended = asyncio.Event()
        self._started_at = self._loop.time()
        self._usage: psutil.Process | None = None
        self._reason: str | None = None
        self._frames = Frames(LARGEST_MESSAGE_BYTES)
        self._unsent = bytearray()
        self._is_heard = True
        self._timer: asyncio.TimerHandle | None = None
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._channel, self._receive)
        self._loop.add_reader(self._pidfd, self._end)

    def _start(self, theirs: socket.socket) -> None:
        try:
            with theirs, signals_held():
                self._process.start()
        except OSError:
            self._channel.close()
            raise

    def send(self, order: Order) -> None:
        self._unsent += framed(encode(order))
        self._flush()

    def kill(self, reason: str) -> None:
        """At once, with all the processes that its jobs have left; the first reason is the one that is told."""
        self.is_doomed = True
        self._reason = self._reason or reason
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._kill_group()

    def usage(self) -> tuple[float | None, int | None]:
        """The CPU in percent since it was last asked, and the memory in bytes; None where it is just gone."""
        try:
            self._usage = self._usage or psutil.Process(self.pid)
            return self._usage.cpu_percent(interval=None), self._usage.memory_info().rss
        except psutil.Error:
            return None, None

    def used(self) -> WorkerUsage:
        """All that it has used so far; unlike `usage`, asking does not begin a new stretch of time."""
        try:
            self._usage = self._usage or psutil.Process(self.pid)
            times = self._usage.cpu_times()
            return WorkerUsage(times.user + times.system, self._usage.memory_info().rss)
        except psutil.Error:
            return WorkerUsage()

    def uptime_seconds(self) -> float:
        return self._loop.time() - self._started_at

    # The pipe

    def _flush(self) -> None:
        try:
            del self._unsent[: self._channel.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # nobody reads any more; the pidfd tells of the end
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
        """Some bytes, none at the end of the pipe, None where nothing has come."""
        try:
            return self._channel.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _take(self, data: bytes) -> None:
        for report in self._reports(data):
            self._on_report(report)

    def _reports(self, data: bytes) -> Iterator[Report]:
        try:
            for message in self._frames.feed(data):
                yield decode_report(message)
        except (FrameTooLong, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
            self._stop_reading()
            self.kill(NOT_A_MESSAGE)

    def _lose_pipe(self) -> None:
        """It is ending, as a rule. A job may also have closed the pipe: then nothing is ever heard again."""
        self._stop_reading()
        self._timer = self._loop.call_later(END_SECONDS, self.kill, "closed its pipe to the server")

    def _stop_reading(self) -> None:
        self._is_heard = False
        self._loop.remove_reader(self._channel)

    # The end

    def _end(self) -> None:
        """The process is dead, but not yet waited for: until then its number is not given to another one."""
        self.is_doomed = True
        self._kill_group()
        self._drain()
        self._close()
        self._process.join()
        reason = self._reason or death_in_words(self._process.exitcode)
        self._process.close()
        self._on_end(reason)
        self.ended.set()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _drain(self) -> None:
        for _ in range(MOST_DRAINED_BYTES // RECEIVE_BYTES):
            data = self._read() if self._is_heard else None
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
        os.close(self._pidfd)


@contextmanager
def signals_held() -> Iterator[None]:
    """A process started now inherits the mask: Ctrl-C must not reach it before it has its handlers."""
    resource_tracker.ensure_running()  # or the start of a process does it, and unblocks the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def death_in_words(exit_code: int | None) -> str:
    """Of multiprocessing's exit code: a negative one is the signal that killed the process."""
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
