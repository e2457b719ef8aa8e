"""Tries a conf file and its key in a separate process before librados reads them in this one.

Some contents make librados end its process: a byte order mark, a letter like é, `ms type = simple`. In a worker that
would end tasks on other clusters as well.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from errno import EINVAL, ETIMEDOUT
from pathlib import Path

import msgspec
from msgspec import Struct

from ceph.connection.conffile import check_conf, check_keyring, explained, keyring, keyrings, unusable
from ceph.errors import ClusterUnavailable
from ceph.settings import ClusterSettings

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "ceph.connection.trial_process")
# For the start of a process, beside the time that the connection may take.
PROCESS_SECONDS = 6.0
LONGEST_NAME_CHARACTERS = 100
LONGEST_REASON_CHARACTERS = 300
_UNRESOLVED = re.compile(r"^server name not found: (.*) \((.*)\)$", re.MULTILINE)


class Reached(Struct, frozen=True, tag=True):
    """The cluster was reached; `fsid` is the one that it reports."""

    fsid: str


class NotReached(Struct, frozen=True, tag=True):
    text: str
    errno: int


decode_report = msgspec.json.Decoder(Reached | NotReached).decode
Stamp = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Proven:
    """A conf file and key that have reached a cluster, and that cluster's fsid."""

    fsid: str
    files: Sequence[str]
    stamp: Stamp

    @property
    def is_changed(self) -> bool:
        """Returns whether one of the files has changed since."""
        return stamp_of(self.files) != self.stamp


_proven: dict[ClusterSettings, Proven] = {}


def proven(settings: ClusterSettings) -> Proven:
    """Returns by which files a cluster was reached; tries it first if they are unknown or changed. Raises
    ClusterUnavailable."""
    known = _proven.get(settings)
    if known is None or known.is_changed:
        forget(settings)
        known = _proven[settings] = _try(settings)
    return known


def take_over(settings: ClusterSettings, known: Proven) -> None:
    """Takes over what the process that started this one knows."""
    _proven[settings] = known


def forget(settings: ClusterSettings) -> None:
    """Has the cluster tried again before librados reads its files the next time: it could not be reached."""
    _proven.pop(settings, None)


def stamp_of(files: Sequence[str]) -> Stamp:
    """Returns a value that changes if one of the files is replaced or written."""
    return tuple(map(_stamp, files))


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _try(settings: ClusterSettings) -> Proven:
    check_conf(settings.conf)
    files = [settings.conf, *keyrings(settings)]
    stamp = stamp_of(files)  # before they are read: what is written later is a change
    key = keyring(settings)
    if key is not None:
        check_keyring(key)
    process = _run(settings)
    if process.returncode < 0:
        raise _died(-process.returncode, [settings.conf, *([key] if key else [])])
    if process.returncode > 0:
        said = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ClusterUnavailable(f"{settings.conf} could not be tried: {said[:LONGEST_REASON_CHARACTERS]}")
    report = decode_report(process.stdout)
    if isinstance(report, NotReached):
        raise _unresolved(settings, process.stderr) or ClusterUnavailable(report.text, report.errno)
    return Proven(report.fsid, files, stamp)


def _run(settings: ClusterSettings) -> subprocess.CompletedProcess[bytes]:
    seconds = settings.connect_timeout_seconds + PROCESS_SECONDS
    try:
        return subprocess.run(  # noqa: S603
            COMMAND, input=msgspec.json.encode(settings), capture_output=True, cwd=ROOT, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        words = f"librados did not finish with {settings.conf} within {seconds:g} s"
        raise ClusterUnavailable(f"{words}: do the names of its monitors resolve?", ETIMEDOUT) from error
    except OSError as error:
        raise ClusterUnavailable(f"no process can be started to try {settings.conf}: {error}") from error


def _unresolved(settings: ClusterSettings, printed: bytes) -> ClusterUnavailable | None:
    """Returns the error for a monitor's name that does not resolve, which librados only prints. A name server that does
    not answer may do so later."""
    found = _UNRESOLVED.search(printed.decode(errors="replace"))
    if found is None:
        return None
    name, reason = found[1][:LONGEST_NAME_CHARACTERS], found[2]
    words = f"{settings.conf} names the monitor {name}, which is neither an address nor a name that resolves ({reason})"
    return ClusterUnavailable(words, ETIMEDOUT if "emporary" in reason else EINVAL)


def _died(number: int, files: Sequence[str]) -> ClusterUnavailable:
    found = next((f"; {file}{why}" for file in files if (why := explained(file))), "")
    end = f"signal {number} ({signal.Signals(number).name})"
    return unusable(" or ".join(files), f"librados crashes on it ({end}){found}")
