"""Jobs that do what no job should, and some that only wait and count, for `[jobs] modules`.

Where a test has to know how far a job is, the job writes to a file or waits for one. An empty path means: neither.
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from jobs import Pause, Round, job

MIB = 1024 * 1024
Times = Annotated[int, Meta(ge=0, le=10_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]


def record(path: str, line: object) -> None:
    """Appends the line; whole lines, whoever else writes."""
    if path:
        with open(path, "a") as lines:
            lines.write(f"{line}\n")


def wait_for(path: str) -> None:
    """Until the file appears."""
    while path and not os.path.exists(path):
        time.sleep(0.005)


@contextmanager
def alone(path: str) -> Iterator[None]:
    """Records `TWICE AT ONCE` where another process is in a round with the same file."""
    if not path:
        yield
        return
    with open(f"{path}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record(path, "TWICE AT ONCE")
        yield


def count_one(number: int, times: int, record_path: str, round_seconds: float) -> Round:
    with alone(record_path):
        time.sleep(round_seconds)
        record(record_path, number)
    return Round(number, of=times, message=f"counted to {number}")


# Jobs that behave, and can be watched


@job(description="Counting to {times}")
def counts(times: Times, record_path: str = "", round_seconds: Seconds = 0, *, done: int = 0) -> Iterator[Round]:
    """Counts, records each round, and goes on from its checkpoint."""
    for number in range(done + 1, times + 1):
        one = count_one(number, times, record_path, round_seconds)
        yield Round(number, of=times, message=one.message, checkpoint={"done": number})
    return times


@job(description="Counting to {times} without a checkpoint")
def counts_without_checkpoint(times: Times, record_path: str = "", round_seconds: Seconds = 0) -> Iterator[Round]:
    """Counts, and begins again at 1 after an interruption."""
    for number in range(1, times + 1):
        yield count_one(number, times, record_path, round_seconds)
    return times


@job(description="Counting to {times}, once", on_interrupt="fail")
def counts_once(times: Times, record_path: str = "", round_seconds: Seconds = 0) -> Iterator[Round]:
    """Counts, and may not go on after an interruption."""
    for number in range(1, times + 1):
        yield count_one(number, times, record_path, round_seconds)
    return times


@job(description="Waiting in round {in_round} of {times}")
def waits(
    times: Times, in_round: Times, until: str, began_path: str = "", record_path: str = "", *, done: int = 0
) -> Iterator[Round]:
    """Counts at once, but for one round that writes a line to `began_path` and waits for the file `until`."""
    for number in range(done + 1, times + 1):
        if number == in_round:
            record(began_path, os.getpid())
            wait_for(until)
        one = count_one(number, times, record_path, 0)
        yield Round(number, of=times, message=one.message, checkpoint={"done": number})
    return times


@job(description="Returning late")
def returns_late(began_path: str, until: str) -> Iterator[Round]:
    """All its rounds are done before it waits, and then it returns."""
    yield Round(1, of=1)
    record(began_path, os.getpid())
    wait_for(until)
    return "late"


@job(description="A round that is too long", round_timeout_seconds=0.2)
def takes_too_long(until: str = "/nonexistent/never") -> Iterator[Round]:
    """Its limit is a fifth of a second, and its second round waits for a file."""
    yield Round(1)
    wait_for(until)
    yield Round(2)


@job(description="{times} rounds at once")
def floods(times: Times, output_bytes: Times = 0) -> Iterator[Round]:
    """Rounds as fast as they go."""
    output = "x" * output_bytes or None
    for number in range(1, times + 1):
        yield Round(number, of=times, message=f"round {number}", output=output)
    return times


# Jobs that raise


@job(description="Failing after {rounds} rounds")
def fails(message: str = "no such pool", rounds: Times = 0) -> Iterator[Round]:
    """Raises ValueError."""
    for number in range(1, rounds + 1):
        yield Round(number)
    raise ValueError(message)


@job(description="Logging an error")
def logs_an_error(message: str) -> Iterator[Round]:
    """Logs it with its traceback, and prints it."""
    try:
        raise ValueError(message)
    except ValueError:
        logging.getLogger("a.job").exception("failed: %s", message)
        print(message, file=sys.stderr)
    yield Round(1)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Classless(Exception):
    @property
    def __class__(self) -> type:
        raise RuntimeError("no class")


@job(description="Failing: {kind}")
def raises(
    kind: Literal["empty", "unspeakable", "classless", "interrupt", "deep", "surrogate", "long"],
) -> Iterator[Round]:
    """Raises what is hard to tell."""
    yield Round(1)
    match kind:
        case "empty":
            raise ValueError
        case "unspeakable":
            raise Unspeakable
        case "classless":
            raise Classless
        case "interrupt":
            raise KeyboardInterrupt
        case "deep":
            _fall()
        case "surrogate":
            raise ValueError("half a character: \ud800")
        case "long":
            raise ValueError("x" * MIB)


def _fall() -> None:
    _fall()


@job(description="Calling sys.exit")
def calls_exit(code: int = 3) -> Iterator[Round]:
    """Raises SystemExit."""
    yield Round(1)
    sys.exit(code)


@job(description="Ignoring that it is to end")
def ignores_close(began_path: str, until: str) -> Iterator[Round]:
    """Goes on yielding when it is closed."""
    while True:
        try:
            yield Round()
            record(began_path, os.getpid())
            wait_for(until)
        except GeneratorExit:
            yield Round(message="I am still here")


@job(description="Failing to clean up")
def fails_to_clean_up(began_path: str, until: str) -> Iterator[Round | Pause]:
    """Raises when it is closed."""
    try:
        record(began_path, os.getpid())
        wait_for(until)
        yield Round(1)
        yield Pause(3600)  # an abort ends it, if it has not come before
    finally:
        raise OSError("the door is stuck")


# Jobs that send what they may not

BadRound = Literal[
    "five", "nothing", "back", "percent", "of over 2**53", "of over 2**64", "number over 2**53", "number after 2**53",
    "float number", "true number", "past its own checks", "message type", "long message", "long if_aborted", "set",
    "nan", "endless number", "huge output", "100 MB", "deep", "checkpoint list", "checkpoint names", "huge checkpoint",
]  # fmt: skip


@job(description="Yielding {kind}")
def yields(kind: BadRound) -> Iterator[Round]:
    """Two good rounds, then a bad one."""
    yield Round(1)
    yield Round(2)
    if kind == "number after 2**53":
        yield Round(2**53)
    yield _bad_round(kind)
    yield Round(10)


def _bad_round(kind: BadRound) -> object:
    match kind:
        case "five":
            return 5
        case "nothing":
            return None
        case "back":
            return Round(2)
        case "percent":
            return Round(3, percent=101)
        case "of over 2**53":
            return Round(3, of=2**53 + 1)
        case "of over 2**64":
            return Round(3, of=2**64)
        case "number over 2**53":
            return Round(2**53 + 1)
        case "number after 2**53":
            return Round()
        case "float number":
            return Round(3.0)
        case "true number":
            return Round(True)
        case "past its own checks":
            return _changed(Round(3), of=2**64)
        case "long if_aborted":
            return Round(3, if_aborted="x" * 1_001)
        case "endless number":
            return Round(3, output=10**5000)
        case "message type":
            return Round(3, message=3)
        case "long message":
            return Round(3, message="x" * 1_001)
        case "set":
            return Round(3, output={1, 2})
        case "nan":
            return Round(3, output=[float("nan")])
        case "huge output":
            return Round(3, output="x" * MIB)
        case "100 MB":
            return Round(3, output="x" * 100 * MIB)
        case "deep":
            return Round(3, output=_nested(500))
        case "checkpoint list":
            return Round(3, checkpoint=[3])
        case "checkpoint names":
            return Round(3, checkpoint={3: 3})
        case "huge checkpoint":
            return Round(3, checkpoint={"done": "x" * MIB})


def _changed(done: Round, **fields: object) -> Round:
    for name, value in fields.items():
        msgspec.structs.force_setattr(done, name, value)
    return done


@job(description="Yielding what it may not, and failing to clean up")
def yields_and_fails_to_clean_up() -> Iterator[Round]:
    """Raises when it is closed after it was refused."""
    try:
        yield 5
    finally:
        raise OSError("the door is stuck")


BadResult = Literal["set", "bytes", "nan", "circular", "deep", "very deep", "huge"]


@job(description="Returning {kind}")
def returns(kind: BadResult) -> Iterator[Round]:
    """One round, then a result that cannot be kept."""
    yield Round(1)
    return _bad_result(kind)


def _bad_result(kind: BadResult) -> object:
    match kind:
        case "set":
            return {1, 2}
        case "bytes":
            return b"1"
        case "nan":
            return {"mean": float("nan")}
        case "circular":
            return _circle()
        case "deep":
            return _nested(500)
        case "very deep":
            return _nested(100_000)
        case "huge":
            return "x" * 10 * MIB


def _circle() -> list[object]:
    circle: list[object] = []
    circle.append(circle)
    return circle


def _nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@job(description="Printing {text}")
def prints(text: str) -> Iterator[Round]:
    """Writes to stdout in three ways, and reads from stdin."""
    print(text)
    print("half a character: \ud83d")
    os.write(1, f"{text}\n".encode())
    subprocess.run(["/bin/echo", text], check=True)
    yield Round(1, message=f"read {sys.stdin.read()!r}")


@job(description="Printing {lines} lines")
def prints_much(lines: int) -> Iterator[Round]:
    """Writes to stdout and stderr, also as another program does."""
    for number in range(lines):
        print(f"line {number} of what a job prints", file=(sys.stdout, sys.stderr)[number % 2])
    subprocess.run(["/bin/sh", "-c", f"seq {lines}; seq {lines} >&2"], check=True)
    yield Round(1)


@job(description="Leaving an orphan")
def leaves_an_orphan(seconds: Seconds, record_path: str) -> Iterator[Round]:
    """Starts a process of its own session whose parent ends at once."""
    command = f"sleep {seconds} & echo $! >> {record_path}"
    subprocess.run(["/bin/sh", "-c", command], check=True, start_new_session=True)
    yield Round(1)


# Jobs that harm their process


@job(description="Ending its process with {code}")
def ends_process(code: int = 3) -> Iterator[Round]:
    """Calls os._exit in its second round."""
    yield Round(1)
    os._exit(code)


@job(description="Killing its process with signal {number}")
def kills_itself(number: int = signal.SIGKILL) -> Iterator[Round]:
    """Sends its own process a signal in its second round."""
    yield Round(1)
    os.kill(os.getpid(), number)
    yield Round(2)


@job(description="Taking all memory")
def eats_memory(in_pieces_of: Times = MIB) -> Iterator[Round]:
    """Allocates without bound."""
    eaten = []
    while True:
        eaten.append(bytearray(in_pieces_of))
        yield Round()


@job(description="Taking {megabytes} MB of memory", memory_limit_mb=64)
def takes_memory(megabytes: Times) -> Iterator[Round]:
    """Allocates that much at once, and may take 64 MB."""
    taken = bytearray(megabytes * MIB)
    yield Round(1)
    return len(taken)


@job(description="Holding the GIL for {seconds} s")
def holds_gil(seconds: Annotated[int, Meta(ge=0, le=3600)], began_path: str = "") -> Iterator[Round]:
    """No other thread of its process can do anything meanwhile: the one that listens to the server neither."""
    yield Round(1)
    record(began_path, os.getpid())
    ctypes.PyDLL(None).sleep(seconds)
    yield Round(2)


@job(description="Leaving children behind")
def leaves_children(pids_path: str, until: str = "") -> Iterator[Round]:
    """A command, a fork, and a fork that Python knows nothing of, so that it keeps the pipe to the server open."""
    command = subprocess.Popen(["/bin/sleep", "3600"])
    record(pids_path, command.pid)
    record(pids_path, _forked(os.fork))
    record(pids_path, _forked(ctypes.PyDLL(None).fork))
    command.returncode = 0  # or it warns that the command still runs
    yield Round(1)
    wait_for(until)
    yield Round(2)


def _forked(fork: object) -> int:
    pid = fork()
    if pid == 0:
        while True:
            signal.pause()
    return pid


@job(description="Returning twice")
def forks_and_goes_on(times: Times = 3) -> Iterator[Round]:
    """Its child goes on as if it were the worker."""
    os.fork()
    for number in range(1, times + 1):
        yield Round(number, of=times)
    return times


@job(description="Leaving a thread behind")
def leaves_thread(until: str = "/nonexistent/never") -> Iterator[Round]:
    """Its thread would keep an ordinary process from ending."""
    threading.Thread(target=wait_for, args=(until,)).start()
    yield Round(1)


@job(description="Closing files that are not its own")
def closes_files() -> Iterator[Round]:
    """Closes all but the standard streams."""
    yield Round(1)
    os.closerange(3, 256)
    yield Round(2)


@job(description="Shutting down a pipe that is not its own")
def shuts_pipe() -> Iterator[Round]:
    """Nothing can be sent any more, while it goes on."""
    yield Round(1)
    for number in filter(_is_socket, map(int, os.listdir("/proc/self/fd"))):
        borrowed = socket.socket(fileno=number)
        borrowed.shutdown(socket.SHUT_WR)
        borrowed.detach()
    time.sleep(3600)
    yield Round(2)


def _is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:  # the folder that was being listed
        return False


@job(description="Writing to a pipe that is not its own")
def sends_garbage() -> Iterator[Round]:
    """Writes random bytes to every socket it can find."""
    yield Round(1)
    for number in filter(_is_socket, map(int, os.listdir("/proc/self/fd"))):
        os.write(number, b"\x00\x00\x00\x05\xff\xfe\xfd\xfc\xfb")
    time.sleep(3600)
    yield Round(2)


@job(description="Holding {name}", lock="{name}", metadata={"name": "{name}"})
def holds(name: str) -> Iterator[Round]:
    """Holds a lock of any length."""
    yield Round()


@job(description="Carrying a text")
def carries(text: str) -> Iterator[Round]:
    """Has parameters of any length."""
    yield Round(message=f"{len(text)} characters")
