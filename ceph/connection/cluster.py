"""A connection to a Ceph cluster: every call has a time limit, every failure is a ClusterError with a readable message.

A handle of librados is made in the process that uses it, after its start, and never crosses a fork. It keeps the key
with which it was made, and the permissions that the key had then. So it is replaced after a failure that a new one may
not have, and when the conf file or the keyring has changed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES, EINVAL, EIO, ENOENT, EPERM, ESHUTDOWN, ETIMEDOUT
from typing import TYPE_CHECKING, Any

from ceph.connection import bindings
from ceph.connection.answers import checked_answers, decode_answer
from ceph.connection.conffile import explained, keyring, keyrings, named_fsid, unusable
from ceph.connection.trial import Proven, forget, proven, stamp_of
from ceph.errors import SILENCES, ClusterError, ClusterRefused, ClusterUnavailable
from ceph.settings import ClusterSettings

if TYPE_CHECKING:
    from types import TracebackType


log = logging.getLogger("hourglass.ceph")

MONITOR_SILENT = "no mon answered"
MANAGER_SILENT = "the mgr did not answer"
OSDS_SILENT = "the OSDs did not answer"
HINTS = {
    MONITOR_SILENT: "is the cluster up, is the network?",
    MANAGER_SILENT: "is a ceph-mgr running, does it hang?",
    OSDS_SILENT: "are they up, do they hang?",
}
NEW_HANDLE_HELPS = SILENCES | {EACCES, EPERM}
"""Errnos after which a new handle may succeed: the key or its permissions may have changed, or the cluster has
blocklisted the old handle."""


class Connection:
    """A connected handle and the number of its users at the moment: the last user closes it once it is stale."""

    def __init__(self, settings: ClusterSettings) -> None:
        """Raises ClusterUnavailable."""
        self.settings = settings
        self.proven: Proven = proven(settings)
        self.files_seen = self.proven.stamp
        self.handle = handle(settings)
        self.users = 0
        self.is_stale = False
        self.held: set[object] = set()
        """The objects that await answers without blocking: an answer to one that is gone would kill the process."""
        try:
            with translated_errors(settings):
                self.handle.connect()
                self.fsid = str(self.handle.get_fsid())
        except ClusterError:
            self.close()  # or its threads live as long as somebody holds the error
            forget(settings)
            raise

    @property
    def is_changed(self) -> bool:
        """Returns whether the conf file or the keyring has changed since."""
        return stamp_of(self.proven.files) != self.files_seen

    def open_pool(self, pool_id: int) -> Any:
        """Returns an IoCtx of a pool, for calls that do not block. Raises ClusterError."""
        with translated_errors(self.settings):
            return self.handle.open_ioctx2(pool_id)

    def close(self) -> None:
        self.handle.shutdown()
        self.held.clear()


class Cluster:
    """A connection to a cluster, for any number of threads of one process. Use it as a context manager.

    Its methods raise ClusterError. ClusterUnavailable: nobody answered within the time limit, or the key is refused; it
    may work again later. ClusterRefused: the cluster answered, and refused; `text` is its own message.
    """

    def __init__(self, settings: ClusterSettings, fsid: str | None = None) -> None:
        """Connects, which takes at most `connect_timeout_seconds`, and a moment longer the first time.

        With an `fsid`, it refuses to connect to another cluster, now and later.
        """
        self.settings = settings
        self._expected_fsid = fsid
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._was_connected = False
        self._failure: ClusterError | None = None
        self._failed_at = 0.0
        with self.lent():
            pass

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._retire()

    @property
    def fsid(self) -> str:
        """Returns the fsid that the cluster reports, whatever the conf file names."""
        with self.lent() as connection:
            return connection.fsid

    def option(self, name: str) -> str:
        """Returns an option of this client's configuration; that of the daemons may differ."""
        with self.lent() as connection, translated_errors(self.settings):
            return str(connection.handle.conf_get(name))

    def ask(self, prefix: str, *, passed_on: bool = False, **arguments: object) -> Any:
        """Returns the decoded answer to a command of the monitors. `passed_on`: the monitor passes it on to the manager
        (`pg …`, `config show`), so a timeout is the manager's."""
        output = self.command(prefix, passed_on=passed_on, format="json", **arguments)
        return decode_answer(prefix, output)

    def command(self, prefix: str, *, passed_on: bool = False, **arguments: object) -> bytes:
        """Returns the raw answer to a command of the monitors."""
        text = _encoded({"prefix": prefix, **arguments})
        with self.lent() as connection:
            with translated_errors(self.settings):
                code, output, words = connection.handle.mon_command(text, b"")
            if not (passed_on and abs(code) in SILENCES):
                self._check(prefix, code, words, MONITOR_SILENT)
        self._check(prefix, code, words, MANAGER_SILENT)  # a silent manager says nothing about this connection
        return bytes(output)

    def ask_manager(self, prefix: str, **arguments: object) -> Any:
        """Returns the decoded answer to a command that only the manager itself accepts.

        After a timeout the handle is closed at once: the late answer would kill the process.
        """
        text = _encoded({"prefix": prefix, "format": "json", **arguments})
        with self.lent() as connection:
            with translated_errors(self.settings):
                code, output, words = connection.handle.mgr_command(text, b"")
            self._check(prefix, code, words, MANAGER_SILENT)
        return decode_answer(prefix, bytes(output))

    @contextmanager
    def pool(self, name: str) -> Iterator[Any]:
        """Opens an IoCtx of a pool, for rbd."""
        try:
            with self.lent() as connection:
                with translated_errors(self.settings):
                    context = connection.handle.open_ioctx(name)
                try:
                    with translated_errors(self.settings):
                        yield context
                finally:
                    context.close()
        except ClusterUnavailable as error:
            if error.text.startswith(OSDS_SILENT):
                raise ClusterUnavailable(self.why_osds_are_silent(error.text), error.errno) from error
            raise

    def why_osds_are_silent(self, words: str) -> str:
        """Adds what the monitors know to a message about silent OSDs: paused reads, or a key without permission."""
        silence = words.partition(":")[0]
        try:
            status = self.ask("status")
            with checked_answers():
                causes = causes_of_silence(status)
        except ClusterError:
            return words
        if causes:
            return f"{silence}: {'; '.join(causes)}"
        return f"{words} May {self.settings.client_name} read the pool (its osd caps)?"

    def _check(self, prefix: str, code: int, words: str, silence: str) -> None:
        if code == 0:
            return
        if abs(code) in SILENCES:
            raise no_answer(silence, self.settings.mon_timeout_seconds, abs(code))
        raise ClusterRefused(words.strip() or f"{prefix}: {os.strerror(abs(code))}", abs(code))

    # The connection

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Lends the connection for as long as it is used; the next time it may be another one."""
        connection = self._take()
        try:
            yield connection
        except ClusterError as error:
            connection.is_stale = connection.is_stale or error.errno in NEW_HANDLE_HELPS
            raise
        finally:
            self._give_back(connection)

    def _take(self) -> Connection:
        """Returns a working connection. A thread that waited while another one failed to connect fails with it."""
        asked_at = time.monotonic()
        with self._lock:
            if self._failure is not None and self._failed_at > asked_at:
                raise self._failure
            connection = self._connection
            if connection is None or connection.is_stale:
                connection = self._connect()
            elif connection.is_changed:
                connection = self._connect_with_new_files(connection)
            connection.users += 1
            return connection

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            connection.users -= 1
            if connection.is_stale and connection.users == 0:
                connection.close()
                if self._connection is connection:
                    self._connection = None

    def _connect(self) -> Connection:
        try:
            new = self._connected()
        except ClusterError as error:
            if isinstance(error, ClusterUnavailable):
                error.was_reached = self._was_connected
            self._failure, self._failed_at = error, time.monotonic()
            raise
        self._retire()
        self._connection = new
        self._was_connected = True
        return new

    def _connected(self) -> Connection:
        new = Connection(self.settings)
        if self._expected_fsid not in (None, new.fsid):
            new.close()
            raise ClusterRefused(
                f"{self.settings.conf} now leads to the cluster {new.fsid}, no longer to {self._expected_fsid}"
            )
        return new

    def _connect_with_new_files(self, old: Connection) -> Connection:
        """Keeps the old connection for a task if the new files are wrong or still incomplete; else raises."""
        files = stamp_of(old.proven.files)
        try:
            return self._connect()
        except ClusterError as error:
            if self._expected_fsid is None:
                raise
            log.warning("The conf file or keyring of a cluster has changed and cannot be used: %s", error)
            self._failure = None
            old.files_seen = files
            return old

    def _retire(self) -> None:
        """Gives up the connection; its last user closes it."""
        old, self._connection = self._connection, None
        if old is not None:
            old.is_stale = True
            if old.users == 0:
                old.close()


def _encoded(command: Mapping[str, object]) -> str:
    """Encodes without escapes: Ceph would split a character beyond 16 bits into two, and find nothing of that name."""
    return json.dumps(command, ensure_ascii=False)


def causes_of_silence(status: Mapping[str, Any]) -> list[str]:
    """Returns why OSDs may not answer, from the answer to `status`: `pauserd,pausewr flag(s) set`."""
    osds, checks = status["osdmap"], status["health"]["checks"]
    down = osds["num_osds"] - osds["num_up_osds"]
    found = [f"{down} of {osds['num_osds']} OSDs are down"] if down else []
    flags = checks["OSDMAP_FLAGS"]["summary"]["message"] if "OSDMAP_FLAGS" in checks else ""
    if "pause" in flags:
        found.append(f"{flags}: `ceph osd unset pause` ends that")
    relevant = [check for code, check in checks.items() if code in ("PG_AVAILABILITY", "SLOW_OPS", "OSD_FULL")]
    return found + [check["summary"]["message"] for check in relevant]


def handle(settings: ClusterSettings) -> Any:
    """Returns an unconnected `rados.Rados`. Raises ClusterUnavailable if its configuration cannot be read."""
    reason = bindings.missing()
    if reason:
        raise ClusterUnavailable(reason)
    import rados

    with translated_errors(settings):
        return rados.Rados(conffile=settings.conf, name=settings.client_name, conf=dict(settings.options()))


def fsid_in_conf(settings: ClusterSettings) -> str | None:
    """Returns the fsid that the conf file names; None if it names none, which is no mistake. Without librados."""
    return named_fsid(settings)


@contextmanager
def translated_errors(settings: ClusterSettings) -> Iterator[None]:
    """Raises ClusterError instead of what `rados` and `rbd` raise: two trees of exceptions with no common base."""
    try:
        yield
    except _bindings_errors() as error:
        raise _translated(error, settings) from error


def _bindings_errors() -> tuple[type[Exception], ...]:
    """Looks them up only after something was raised: `rbd` may have been imported meanwhile."""
    import rados

    return (rados.Error, *_rbd_errors())


def _rbd_errors() -> tuple[type[Exception], ...]:
    """Returns no errors if rbd was not imported, or is still being imported by another thread."""
    error = getattr(sys.modules.get("rbd"), "Error", None)
    return (error,) if error else ()


def _translated(error: Exception, settings: ClusterSettings) -> ClusterUnavailable | ClusterRefused:
    number = abs(getattr(error, "errno", 0) or 0)
    said = re.sub(r"^\[errno \d+\] ", "", str(error))
    if "conf_read_file" in said:
        return unusable(settings.conf, f"librados cannot read it ({said}){explained(settings.conf)}", number)
    if "connecting to the cluster" in said:
        return _not_connected(said, settings, number)
    if number == ESHUTDOWN:
        return blocklisted(settings)
    if number in SILENCES:
        return no_answer(OSDS_SILENT, settings.osd_timeout_seconds, number)
    return ClusterRefused(said, number)


def _not_connected(said: str, settings: ClusterSettings, number: int) -> ClusterUnavailable:
    if number in SILENCES:
        return no_answer(MONITOR_SILENT, settings.connect_timeout_seconds, number)
    client = settings.client_name
    key = keyring(settings)
    where = f" It is in {key}." if key else f" None of {', '.join(keyrings(settings))} is there."
    words = {
        EACCES: f"the cluster refuses the key of {client}: is it the right keyring, is the name right?{where}"
        " A key without mon caps is refused as well.",
        ENOENT: f"{settings.conf} or the keyring of {client} names no cluster that can be reached ({said}): "
        f"is there a mon_host, is the keyring there?{where}",
        EIO: f"{key}, the keyring of {client}, cannot be used ({said}){explained(key or '')}",
        EINVAL: f"{settings.conf} or the keyring of {client} cannot be used ({said}): "
        "does the name of each monitor resolve?",
    }
    return ClusterUnavailable(words.get(number, said), number)


def blocklisted(settings: ClusterSettings) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"the cluster has blocklisted this client ({settings.client_name}), which reconnects: "
        "`ceph osd blocklist ls` lists its address",
        ESHUTDOWN,
    )


def no_answer(silence: str, seconds: int, number: int = ETIMEDOUT) -> ClusterUnavailable:
    """Returns `no mon answered within 5 s: is the cluster up, is the network?`"""
    return ClusterUnavailable(f"{silence} within {seconds} s: {HINTS[silence]}", number)
