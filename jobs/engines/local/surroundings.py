"""Restores what a task has changed in its worker process, or names it: then the worker is replaced.

Only cheap checks are made, since they run after each task, and nothing is closed or ended: what is left may belong to a
library that still relies on it.
"""

from __future__ import annotations

import ctypes
import gc
import locale
import logging
import os
import re
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import count
from multiprocessing import get_start_method, set_start_method
from typing import Any, NamedTuple, cast

from jobs.text import counted

LOOKS = 20
PAUSE_SECONDS = 0.005
"""A joined thread exists for a moment longer, and what a cycle of objects holds until it is collected."""
DESCRIPTORS = "/proc/self/fd"
MOST_CHARACTERS = 1_000
MOST_NAMED = 5
LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class Surroundings:
    """The state of a worker process when this is created, restored before each task. Belongs to the main thread."""

    def __init__(self) -> None:
        _put_environment(_environment())  # in the order in which it will be put back
        self._settings = [(what, get, put, get()) for what, get, put in SETTINGS]
        self._status_file = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
        self._handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self._identity = _identity()
        status = self._read_status()
        self._status = status
        self._caught = [number for number in self._handlers if _has(status.caught, number)]
        self._threads = status.threads
        self._targets = _targets()
        self._numbers = list(map(int, self._targets))
        self._files = self._read_files()
        self._kernel_counts = os.stat(DESCRIPTORS).st_size == len(self._targets)
        self._open = self._read_open()

    def restore(self) -> str:
        """Restores what can be restored, and returns a description of the rest; "" if there is none."""
        try:
            left = self._put_back() or self._look()
        except Exception as error:  # noqa: BLE001  what cannot even be checked is not as it was
            left = [f"something that prevents it from being checked ({type(error).__name__}: {error})"]
        return ", ".join(left)[:MOST_CHARACTERS]

    def close(self) -> None:
        """Closes its file; a worker needs it until its end."""
        os.close(self._status_file)

    def _put_back(self) -> list[str]:
        """Restores the settings; returns the names of those that could not be restored."""
        left = []
        for what, get, put, before in self._settings:
            try:
                if not _is(before, get):
                    put(before)
            except (OSError, ValueError, locale.Error):
                left.append(what)
        return left

    def _look(self) -> list[str]:
        if _identity() != self._identity:
            return ["another user, root directory or process group"]
        status = self._read_status()
        if status.privileges != self._status.privileges:
            return ["other privileges"]
        if not self._has_its_handlers(status) and not self._put_handlers(status):
            return ["other signal handlers"]
        if self._has_nothing_left(status):
            return []
        return self._left_in_the_end()

    def _read_status(self) -> _Status:
        found = _FIELDS.search(os.pread(self._status_file, 16 * 1024, 0))
        if found is None:
            raise OSError("/proc/self/status is not as expected")
        return _Status(int(found[1]), int(found[2], 16), int(found[3], 16), found[4])

    # Signals

    def _has_its_handlers(self, status: _Status) -> bool:
        """Returns whether the handlers are the same, as the kernel and, for its own, as Python shows them."""
        before = self._status
        return (status.ignored, status.caught) == (before.ignored, before.caught) and all(
            signal.getsignal(number) == self._handlers[number] for number in self._caught
        )

    def _put_handlers(self, status: _Status) -> bool:
        """Restores the handlers; one that was not set by Python is visible to the kernel alone."""
        differing = (status.ignored ^ self._status.ignored) | (status.caught ^ self._status.caught)
        for number, handler in self._handlers.items():
            if handler is not None and (_has(differing, number) or signal.getsignal(number) != handler):
                with suppress(OSError, ValueError):
                    signal.signal(number, handler)
        return self._has_its_handlers(self._read_status())

    # What is left

    def _has_nothing_left(self, status: _Status) -> bool:
        self._threads = min(self._threads, status.threads)
        return (
            status.threads == self._threads
            and not _has_children()
            and self._read_open() == self._open
            and self._read_files() == self._files
        )

    def _read_open(self) -> object:
        """Returns what differs if there is one descriptor more or less: since Linux 6.2 the kernel counts them."""
        return os.stat(DESCRIPTORS).st_size if self._kernel_counts else os.listdir(DESCRIPTORS)

    def _read_files(self) -> list[Sequence[int]]:
        """Returns file and device of the descriptors that the worker had at first."""
        return [os.fstat(number)[1:3] for number in self._numbers]

    def _left_in_the_end(self) -> list[str]:
        gc.collect()
        for _ in range(LOOKS):
            if self._has_nothing_left(self._read_status()):
                return []
            time.sleep(PAUSE_SECONDS)
        return self._name_what_is_left()

    def _name_what_is_left(self) -> list[str]:
        left = []
        if (threads := self._read_status().threads - self._threads) > 0:
            others = [thread.name for thread in threading.enumerate() if thread.name not in ("MainThread", "listener")]
            left.append(_counted_names(threads, "thread", others))
        if _has_children():
            left.append("a child process")
        now = _targets()
        if opened := [now[number] for number in now if number not in self._targets]:
            left.append(_counted_names(len(opened), "descriptor", opened))
        if closed := [number for number in self._targets if number not in now]:
            left.append(f"{_counted_names(len(closed), 'descriptor')} closed that the task had not opened")
        elif self._read_files() != self._files:
            left.append("a descriptor of the worker's own that refers to another file")
        return left


# What can be read and restored


def _is(before: object, get: Callable[[], object]) -> bool:
    try:
        return get() == before
    except (OSError, ValueError):  # a working directory that was removed, or no environment at all
        return False


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_C = ctypes.CDLL(None)
_ENVIRON = ctypes.POINTER(ctypes.c_char_p).in_dll(_C, "environ")


def _environment() -> tuple[dict[bytes, bytes], list[bytes | None]]:
    """Returns the environment as os.environ stores it, ten times faster than through it, and as started programs get
    it: os.putenv() changes only that."""
    return dict(vars(os.environ)["_data"]), list(iter(map(_ENVIRON.__getitem__, count()).__next__, None))


def _put_environment(environment: tuple[Mapping[bytes, bytes], object]) -> None:
    os.environb.clear()
    _C.clearenv()
    os.environb.update(environment[0])
    time.tzset()


def _put_limits(limits: Sequence[tuple[int, int]]) -> None:
    for limit, value in zip(LIMITS, limits, strict=True):
        resource.setrlimit(limit, value)


def _stop_timers(_before: bool) -> None:
    for timer in TIMERS:
        signal.setitimer(timer, 0)


def _put_path(path: Sequence[str]) -> None:
    sys.path[:] = path


def _streams() -> tuple[tuple[Any, Any, Any], list[object]]:
    """Raises ValueError if one has lost its file."""
    streams = sys.stdin, sys.stdout, sys.stderr
    return streams, [_form_of(stream) for stream in streams]


def _form_of(stream: object) -> object:
    if not isinstance(stream, TextIOWrapper):
        return None
    if stream.closed:
        raise ValueError("it was closed")
    return stream.encoding, stream.errors, stream.line_buffering, stream.write_through


def _put_streams(before: tuple[tuple[Any, Any, Any], Sequence[Any]]) -> None:
    """Raises ValueError if what was closed or detached cannot be used any more."""
    sys.stdin, sys.stdout, sys.stderr = before[0]
    for stream, form in zip(*before, strict=True):
        if form is not None and _form_of(stream) != form:
            encoding, errors, line_buffering, write_through = form
            stream.reconfigure(
                encoding=encoding, errors=errors, line_buffering=line_buffering, write_through=write_through
            )


def _put_collector(collector: tuple[bool, tuple[int, int, int], int]) -> None:
    enabled, thresholds, flags = collector
    gc.set_debug(flags)
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()


def _warnings() -> tuple[list[Any], list[Any], Any]:
    filters = cast("list[Any]", warnings.filters)
    return filters, [*filters], warnings.showwarning


def _put_warnings(before: tuple[list[Any], Sequence[Any], Any]) -> None:
    filters, values, show = before
    logging.captureWarnings(capture=False)
    warnings.showwarning = show
    warnings.filters = filters
    warnings.resetwarnings()  # also drops what it has cached of the others
    filters[:] = values


def _put_hooks(hooks: tuple[Any, Any, Any]) -> None:
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def _put_functions_of_threads(functions: tuple[Any, Any]) -> None:
    threading.settrace(functions[0])
    threading.setprofile(functions[1])


def _traces_memory() -> bool:
    tracing = sys.modules.get("tracemalloc")
    return tracing is not None and tracing.is_tracing()


def _stop_tracing_memory(_before: bool) -> None:
    sys.modules["tracemalloc"].stop()


SETTINGS: Sequence[tuple[str, Callable[[], Any], Callable[[Any], object]]] = (
    ("another working directory", os.getcwd, os.chdir),
    ("another umask", _umask, os.umask),
    ("another environment", _environment, _put_environment),
    ("another time zone", lambda: time.tzname, lambda _: time.tzset()),
    (
        "another signal mask",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    ),
    ("a timer", lambda: any(signal.getitimer(timer)[0] for timer in TIMERS), _stop_timers),
    ("another resource limit", lambda: list(map(resource.getrlimit, LIMITS)), _put_limits),
    (
        "another locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda name: locale.setlocale(locale.LC_ALL, name),
    ),
    (
        "another niceness",
        lambda: os.getpriority(os.PRIO_PROCESS, 0),
        lambda niceness: os.setpriority(os.PRIO_PROCESS, 0, niceness),
    ),
    ("other CPUs", lambda: os.sched_getaffinity(0), lambda cpus: os.sched_setaffinity(0, cpus)),
    (
        "another scheduling policy",
        lambda: os.sched_getscheduler(0),
        lambda policy: os.sched_setscheduler(0, policy, os.sched_param(0)),
    ),
    ("another sys.path", sys.path.copy, _put_path),
    ("other streams", _streams, _put_streams),
    ("another trace function", sys.gettrace, sys.settrace),
    ("another profile function", sys.getprofile, sys.setprofile),
    (
        "other trace or profile functions of threads",
        lambda: (threading.gettrace(), threading.getprofile()),
        _put_functions_of_threads,
    ),
    ("another stack size for threads", threading.stack_size, threading.stack_size),
    ("other hooks", lambda: (sys.excepthook, threading.excepthook, sys.unraisablehook), _put_hooks),
    ("other warnings", _warnings, _put_warnings),
    ("memory tracing", _traces_memory, _stop_tracing_memory),
    (
        "another start method for processes",
        lambda: get_start_method(allow_none=True),
        lambda method: set_start_method(method, force=True),
    ),
    ("another recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    ("another limit on digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    ("another switch interval", sys.getswitchinterval, sys.setswitchinterval),
    ("another default timeout for sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    (
        "other settings of the garbage collector",
        lambda: (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
        _put_collector,
    ),
)


# What can only be read


def _identity() -> tuple[object, ...]:
    root = os.stat("/")
    users = os.getresuid(), os.getresgid(), os.getgroups()
    return *users, root.st_dev, root.st_ino, os.getpgid(0), os.getsid(0)


class _Status(NamedTuple):
    """What the kernel reports of the process: it knows threads and handlers that Python does not."""

    threads: int
    ignored: int
    caught: int
    privileges: bytes


_FIELDS = re.compile(rb"\nThreads:\t(\d+)\n.*?\nSigIgn:\t(\w+)\nSigCgt:\t(\w+)\n(CapInh:.*?\nSeccomp:\t\d+)", re.DOTALL)


def _has(signals: int, number: int) -> bool:
    return bool(signals >> number - 1 & 1)


def _has_children() -> bool:
    """Returns whether there are child processes, running, or ended and not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _targets() -> dict[str, str]:
    """Returns the target of each descriptor, except for the one used to list them, which is closed by then."""
    found = {}
    for number in os.listdir(DESCRIPTORS):
        with suppress(OSError):
            target = os.readlink(f"{DESCRIPTORS}/{number}")
            found[number] = target.encode(errors="backslashreplace").decode()[:100]
    return found


def _counted_names(count: int, noun: str, names: Sequence[str] = ()) -> str:
    """Returns `2 threads (pump, Thread-3)`."""
    named = f" ({', '.join(names[:MOST_NAMED])})" if names else ""
    return f"{counted(count, noun)}{named}"
