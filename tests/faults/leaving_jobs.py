"""Jobs that change their process, or leave something in it, and one that looks at it."""

from __future__ import annotations

import ctypes
import decimal
import faulthandler
import gc
import locale
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import get_context, get_start_method, set_start_method
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from jobs import Round, job

PR_SET_NO_NEW_PRIVS = 38


def _lower_limits() -> None:
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_STACK, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (64, resource.getrlimit(limit)[1]))


def _go_where_nothing_is() -> None:
    place = f"/tmp/gone-{os.getpid()}"
    os.mkdir(place)
    os.chdir(place)
    os.rmdir(place)


def _set_time_zone() -> None:
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


CHANGES: Mapping[str, Callable[[], object]] = {
    "directory": lambda: os.chdir("/"),
    "a directory that is gone": _go_where_nothing_is,
    "umask": lambda: os.umask(0),
    "environment": lambda: (os.environ.pop("PATH"), os.environ.update(HOME="/nowhere", NEW="new")),
    "environment of programs": lambda: os.putenv("NEW", "new"),
    "no environment": ctypes.CDLL(None).clearenv,
    "time zone": _set_time_zone,
    "signal mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM}),
    "ignored signal": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "default signal": lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    "caught signal": lambda: signal.signal(signal.SIGUSR1, lambda *_: None),
    "signals caught in C": faulthandler.enable,
    "alarm": lambda: signal.alarm(3600),
    "limits": _lower_limits,
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "niceness": lambda: os.nice(1) if os.geteuid() == 0 else None,
    "CPUs": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    "sys.path": lambda: sys.path.insert(0, "/nowhere"),
    "streams": lambda: setattr(sys, "stdout", None),
    "recursion limit": lambda: sys.setrecursionlimit(200),
    "digits": lambda: sys.set_int_max_str_digits(0),
    "timeout of sockets": lambda: socket.setdefaulttimeout(1),
    "garbage": gc.disable,
    "streams' form": lambda: sys.stdout.reconfigure(encoding="ascii", errors="strict"),  # type: ignore[union-attr]
    "warnings": lambda: warnings.simplefilter("error"),
    "no warnings": warnings.resetwarnings,
    "warnings that are not over": lambda: warnings.catch_warnings().__enter__(),
    "captured warnings": lambda: logging.captureWarnings(capture=True),
    "levels' names": lambda: logging.addLevelName(logging.WARNING, "FINE\nFORGED"),
    "levels": lambda: logging.addLevelName(5, "WARNING"),
    "hooks": lambda: setattr(threading, "excepthook", None),
    "functions of threads": lambda: (threading.settrace(lambda *_: None), threading.setprofile(lambda *_: None)),
    "stack size": lambda: threading.stack_size(1024 * 1024),
    "memory tracing": tracemalloc.start,
    "start method": lambda: set_start_method("fork", force=True),
    "debugging of garbage": lambda: gc.set_debug(gc.DEBUG_SAVEALL),
    "trace function": lambda: sys.settrace(lambda *_: None),
    "decimals": lambda: setattr(decimal.getcontext(), "prec", 3),
}


@job(description="Changing {what}")
def changes(what: str) -> Iterator[Round]:
    """Changes its process in one way."""
    CHANGES[what]()
    yield Round()


def _status(*names: str) -> list[str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return [line for line in lines if line.partition(":")[0] in names]


@job(description="Looking at its process")
def looks() -> Iterator[Round]:
    """Its result is what its process is like."""
    yield Round()
    return {
        "directory": os.getcwd(),
        "status": _status("Umask", "SigBlk", "SigIgn", "SigCgt", "Cpus_allowed"),
        "environment": dict(os.environ),
        "environment of programs": subprocess.run("/usr/bin/env", check=True, capture_output=True).stdout.decode(),
        "time zone": time.tzname,
        "handlers": [str(signal.getsignal(number)) for number in signal.valid_signals()],
        "timers": [signal.getitimer(timer)[1] for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF)],
        "limits": [resource.getrlimit(number) for number in range(16)],
        "alarm": signal.alarm(0),
        "locale": locale.setlocale(locale.LC_ALL),
        "niceness": os.nice(0),
        "python": [
            list(sys.path), str(sys.stdout), sys.getrecursionlimit(), sys.get_int_max_str_digits(), gc.isenabled(),
            socket.getdefaulttimeout(), str(sys.gettrace()), decimal.getcontext().prec,
            sys.stdout.encoding, len(warnings.filters), str(warnings.showwarning), str(threading.excepthook),
            logging.getLevelName(logging.WARNING), logging.getLevelName("WARNING"), str(threading.gettrace()),
            str(threading.getprofile()), threading.stack_size(), tracemalloc.is_tracing(), get_start_method(),
            gc.get_debug(),
        ],
    }  # fmt: skip


KEPT: list[object] = []
"""What outlives its task."""


def _leave_descriptor() -> None:
    KEPT.append(open("/dev/null"))  # noqa: SIM115


def _leave_descriptor_above_a_gap() -> None:
    first = open("/dev/null")  # noqa: SIM115
    _leave_descriptor()
    first.close()


def _put_standard_error_elsewhere() -> None:
    with open("/dev/null", "w") as nothing:
        os.dup2(nothing.fileno(), 2)


def _take_place_of_lock() -> None:
    number = next(n for n in os.listdir("/proc/self/fd") if os.readlink(f"/proc/self/fd/{n}").endswith("/lock"))
    with open("/dev/null") as nothing:
        os.dup2(nothing.fileno(), int(number), inheritable=False)


def _leave_thread() -> None:
    threading.Thread(target=threading.Event().wait, name="pump", daemon=True).start()


def _leave_child() -> None:
    child = subprocess.Popen(["/bin/sleep", "3600"])
    child.returncode = 0  # or it warns that it still runs


def _leave_zombie() -> None:
    if os.fork() == 0:
        os._exit(0)


LEAVINGS: Mapping[str, Callable[[], object]] = {
    "descriptor": _leave_descriptor,
    "descriptor above a gap": _leave_descriptor_above_a_gap,
    "closed descriptor": lambda: os.close(0),
    "closed stream": sys.stdout.close,
    "thread": _leave_thread,
    "child": _leave_child,
    "zombie": _leave_zombie,
    "privileges": lambda: ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    "standard error": _put_standard_error_elsewhere,
    "the lock's place": _take_place_of_lock,
    "session": lambda: os.setpgid(0, os.getppid()),
}


@job(description="Leaving {what}")
def leaves(what: str, fails: bool = False) -> Iterator[Round]:
    """Leaves something that nobody can put back."""
    LEAVINGS[what]()
    yield Round()
    if fails:
        raise ValueError("and it fails")


class Circle:
    """Holds a descriptor, and itself."""

    def __init__(self) -> None:
        self.file = open("/dev/null")  # noqa: SIM115
        self.itself = self


@job(description="Leaving what goes by itself")
def leaves_what_goes() -> Iterator[Round]:
    """A thread that ends soon, and a file that only the collector of garbage finds."""
    circle = Circle()
    threading.Thread(target=time.sleep, args=(0.02,)).start()
    yield Round()
    return len(vars(circle))


@job(description="Sharing memory for a while")
def shares_and_gives_back() -> Iterator[Round]:
    """As it should be done."""
    memory = SharedMemory(create=True, size=1024)
    memory.close()
    memory.unlink()
    yield Round()


@job(description="Sharing memory")
def shares_memory(names_path: str, until: str = "") -> Iterator[Round]:
    """Writes the names of what it has in /dev/shm, and waits to be killed."""
    memory = SharedMemory(create=True, size=1024)
    KEPT.append(memory)
    lock = get_context("spawn").Lock()
    KEPT.append(lock)
    Path(names_path).write_text(f"{memory.name}\nsem.{lock._semlock.name.strip('/')}\n")  # type: ignore[attr-defined]
    yield Round()
    while until and not os.path.exists(until):
        time.sleep(0.005)
