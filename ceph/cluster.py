"""A handle of a Ceph cluster: every call with a time limit, every failure a ClusterError in words.

A handle is made in the process that uses it, after its start, and never crosses a fork.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, ENOENT, ETIMEDOUT
from typing import TYPE_CHECKING, Any

from ceph import bindings
from ceph.settings import ClusterSettings
from jobs.errors import SILENCES, ClusterRefused, ClusterUnavailable

if TYPE_CHECKING:
    from types import TracebackType


MONITOR_SILENT = "no mon answered"
MANAGER_SILENT = "the mgr did not answer"
OSDS_SILENT = "the OSDs did not answer"
HINTS = {
    MONITOR_SILENT: "is the cluster up, is the network?",
    MANAGER_SILENT: "is a ceph-mgr running, does it hang?",
    OSDS_SILENT: "are they up, do they hang?",
}


class Cluster:
    """One connected handle. Use it as a context manager, in one process; its methods raise ClusterError.

    ClusterUnavailable: nobody answered within the time limit, or the key is refused; it may work again later.
    ClusterRefused: the cluster answered, and refused; `words` are its own.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        """Connects. Takes at most `connect_timeout_seconds`."""
        self.settings = settings
        self._handle = handle(settings)
        with told(settings):
            self._handle.connect()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._handle.shutdown()

    @property
    def fsid(self) -> str:
        with told(self.settings):
            return str(self._handle.get_fsid())

    def option(self, name: str) -> str:
        """What this client's configuration says of an option; the daemons may have been told otherwise."""
        with told(self.settings):
            return str(self._handle.conf_get(name))

    def ask(self, prefix: str, *, passed_on: bool = False, **arguments: object) -> Any:
        """The JSON answer of a monitor's command. `passed_on`: the monitor has the manager answer it (`pg …`, `config
        show`), so that a silence is the manager's."""
        output = self.command(prefix, passed_on=passed_on, format="json", **arguments)
        return _decoded(prefix, output)

    def command(self, prefix: str, *, passed_on: bool = False, **arguments: object) -> bytes:
        """The answer of a monitor's command as it comes."""
        text = json.dumps({"prefix": prefix, **arguments})
        with told(self.settings):
            code, output, words = self._handle.mon_command(text, b"")
        self._check(prefix, code, words, MANAGER_SILENT if passed_on else MONITOR_SILENT)
        return bytes(output)

    def ask_manager(self, prefix: str, **arguments: object) -> Any:
        """The JSON answer of a command that only the manager itself takes.

        After one that has timed out the handle is closed at once: its late answer would kill the process.
        """
        text = json.dumps({"prefix": prefix, "format": "json", **arguments})
        with told(self.settings):
            code, output, words = self._handle.mgr_command(text, b"")
        if abs(code) == ETIMEDOUT:
            self.close()
        self._check(prefix, code, words, MANAGER_SILENT)
        return _decoded(prefix, bytes(output))

    @contextmanager
    def pool(self, name: str) -> Iterator[Any]:
        """An IoCtx of a pool, for rbd."""
        with told(self.settings):
            context = self._handle.open_ioctx(name)
        try:
            with told(self.settings):
                yield context
        finally:
            context.close()

    def _check(self, prefix: str, code: int, words: str, silence: str) -> None:
        if code == 0:
            return
        if abs(code) in SILENCES:
            raise no_answer(silence, self.settings.mon_timeout_seconds, abs(code))
        raise ClusterRefused(words.strip() or f"{prefix}: {os.strerror(abs(code))}", abs(code))


def handle(settings: ClusterSettings) -> Any:
    """A `rados.Rados` that is not connected. Raises ClusterUnavailable where its configuration cannot be read."""
    reason = bindings.missing()
    if reason:
        raise ClusterUnavailable(reason)
    import rados

    with told(settings):
        return rados.Rados(conffile=settings.conf, name=settings.client_name, conf=dict(settings.options()))


def fsid_in_conf(settings: ClusterSettings) -> str | None:
    """The fsid that the conf file names; None where it names none, which is no mistake. No network is needed."""
    found = str(handle(settings).conf_get("fsid"))
    return None if not found.strip("0-") else found


@contextmanager
def told(settings: ClusterSettings) -> Iterator[None]:
    """Makes a ClusterError of what `rados` and `rbd` raise: two trees of exceptions, neither of them Python's own."""
    try:
        yield
    except _bindings_errors() as error:
        raise _in_words(error, settings) from error


def _bindings_errors() -> tuple[type[Exception], ...]:
    """Looked up when something was raised: `rbd` may have been imported meanwhile."""
    import rados

    return (rados.Error, *_rbd_errors())


def _rbd_errors() -> tuple[type[Exception], ...]:
    """Who has not imported it cannot meet its errors; while another thread imports it, it has none yet."""
    error = getattr(sys.modules.get("rbd"), "Error", None)
    return (error,) if error else ()


def _in_words(error: Exception, settings: ClusterSettings) -> ClusterUnavailable | ClusterRefused:
    number = abs(getattr(error, "errno", 0) or 0)
    said = re.sub(r"^\[errno \d+\] ", "", str(error))
    if "conf_read_file" in said:
        return ClusterUnavailable(f"{settings.conf} cannot be used ({said}): is it there, can it be read?", number)
    if number in SILENCES:
        return _timed_out(said, settings, number)
    connecting = "connecting to the cluster" in said
    if connecting and number == EACCES:
        words = f"the cluster refuses the key of {settings.client_name}: is it the right keyring, is the name right?"
        return ClusterUnavailable(words, number)
    if connecting and number == ENOENT:
        return ClusterUnavailable(
            f"{settings.conf} or the keyring of {settings.client_name} names no cluster that can be reached ({said}): "
            "is there a mon_host, is the keyring there?",
            number,
        )
    if connecting:
        return ClusterUnavailable(said, number)
    return ClusterRefused(said, number)


def _timed_out(said: str, settings: ClusterSettings, number: int) -> ClusterUnavailable:
    if "connecting to the cluster" in said:
        return no_answer(MONITOR_SILENT, settings.connect_timeout_seconds, number)
    return no_answer(OSDS_SILENT, settings.osd_timeout_seconds, number)


def no_answer(silence: str, seconds: int, number: int = ETIMEDOUT) -> ClusterUnavailable:
    """`no mon answered within 5 s: is the cluster up, is the network?`"""
    return ClusterUnavailable(f"{silence} within {seconds} s: {HINTS[silence]}", number)


def _decoded(prefix: str, output: bytes) -> Any:
    try:
        return json.loads(output)
    except ValueError as error:
        raise ClusterRefused(f"{prefix}: expected JSON, got {output[:60]!r}") from error
