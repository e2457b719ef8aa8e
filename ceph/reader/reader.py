"""The reader of a cluster: a process of the server that makes the short calls for its views.

librados may hang in spite of all time limits, and may kill its process. So the server never imports it, and replaces
a reader that takes too long.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

import logs
from ceph.connection.answers import checked_answers
from ceph.connection.cluster import Cluster, fsid_in_conf
from ceph.connection.manager_module import error_of_module
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable
from ceph.images.listing import ImageListing
from ceph.pool_changes.facts import Facts, flags_of, inactive_pgs_of, osds_down_of, osds_of_rules
from ceph.pool_changes.progress_events import Details, details_of, events_of
from ceph.pools import create_pool
from ceph.reader.background import BackgroundAnswer
from ceph.reader.messages import (
    Answer,
    CreatePool,
    FactsRead,
    Failed,
    Identified,
    ImagesRead,
    Order,
    Read,
    StateRead,
    decode_order,
    decode_report,
)
from ceph.settings import ClusterSettings
from ceph.state import ClusterState, objects_away, parse_checks, parse_pools
from processes.child import become_child, leave
from processes.framing import LARGEST_MESSAGE_BYTES, Frames, encode, framed

log = logging.getLogger("hourglass.ceph")

RECEIVE_BYTES = 64 * 1024
MOST_REASON_CHARACTERS = 10_000
M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """What a reader needs. Made in the server, whose process id it contains."""

    cluster: ClusterSettings
    log_level: str = "info"
    log_style: logs.Style = "text"
    server_pid: int = field(default_factory=os.getpid)


def main(channel: socket.socket, settings: ReaderSettings) -> NoReturn:
    """Runs a reader: each order in its own thread, so that a pool that hangs delays nothing else."""
    become_child(channel, settings.server_pid)
    share_arenas()
    logs.set_up_child(settings.log_level, settings.log_style)
    reader = Reader(channel, settings.cluster)
    reader.begin()
    for order in _orders(channel):
        threading.Thread(target=reader.obey, args=(order,), daemon=True).start()
    leave(0)


def share_arenas() -> None:
    """Has all threads allocate from one arena. Each order has a new thread, and the C library would give each its own
    arena, up to eight for each processor, none of which returns the memory of a read of many images."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)


def _orders(channel: socket.socket) -> Iterator[Order]:
    frames = Frames(LARGEST_MESSAGE_BYTES)
    while data := channel.recv(RECEIVE_BYTES):
        yield from map(decode_order, frames.feed(data))


class Reader:
    """Reads one cluster with one handle, made when it is first needed, and retried if that failed."""

    def __init__(self, channel: socket.socket, settings: ClusterSettings) -> None:
        self._channel = channel
        self._settings = settings
        self._sending = threading.Lock()
        self._connecting = threading.Lock()
        self._cluster: Cluster | None = None
        self._failure: ClusterError | None = None
        self._failed_at = 0.0
        self._manager: BackgroundAnswer[str | None] = BackgroundAnswer(manager_error, None)
        self._progress: BackgroundAnswer[Details] = BackgroundAnswer(details_of, {})
        self._listing: ImageListing | None = None

    def begin(self) -> None:
        """Reports which cluster this is by its conf file; the cluster itself may report another fsid."""
        self._send(encode(Identified(fsid_in_conf(self._settings))))

    def obey(self, order: Order) -> None:
        """Carries out an order. A defect ends the process: callers fail at once, and the next reader may do better."""
        try:
            self._send(self._encoded(order))
            if isinstance(order, Read) and order.what == "images":
                gc.collect()  # calls and their buffers form cycles, which Python rarely collects
        except Exception:
            log.critical("a defect in the reader of a cluster", exc_info=True)
            leave(1)

    def _encoded(self, order: Order) -> bytes:
        """Returns the encoded answer to an order, or a failure if the server could not decode the answer."""
        try:
            with checked_answers():
                encoded = encode(self._answer(order))
                decode_report(encoded)
            if len(encoded) > LARGEST_MESSAGE_BYTES:
                raise ClusterRefused(f"what was read from the cluster is too large: {len(encoded):,} bytes")
        except ClusterError as error:
            return encode(_failed(order, error))
        return encoded

    def _answer(self, order: Order) -> Answer:
        """Raises ClusterError."""
        cluster = self._connected()
        if isinstance(order, CreatePool):
            create_pool(cluster, order.name, order.pg_num, order.application)
        if isinstance(order, Read) and order.what == "images":
            return ImagesRead(order.number, self._listing_of(cluster).images())
        state = state_of(cluster, self._manager, self._progress)
        if isinstance(order, Read) and order.what == "facts":
            return FactsRead(order.number, state, facts_of(cluster, state.manager_error is None))
        return StateRead(order.number, state)

    def _connected(self) -> Cluster:
        """Returns the handle. A thread that waited while another one failed to connect fails with it."""
        asked_at = time.monotonic()
        with self._connecting:
            if self._failure is not None and self._failed_at > asked_at:
                raise self._failure
            if self._cluster is None:
                self._cluster = self._connect()
            return self._cluster

    def _listing_of(self, cluster: Cluster) -> ImageListing:
        """Returns the same listing as long as the handle is the same: it remembers which pools are silent."""
        with self._connecting:
            if self._listing is None or self._listing.cluster is not cluster:
                self._listing = ImageListing(cluster)
            return self._listing

    def _connect(self) -> Cluster:
        try:
            return Cluster(self._settings)
        except ClusterError as error:
            self._failure, self._failed_at = error, time.monotonic()
            raise

    def _send(self, report: bytes) -> None:
        with self._sending:
            self._channel.sendall(framed(report))


def _failed(order: Order, error: ClusterError) -> Failed:
    """Makes a report that can be sent, whatever the cluster's message is."""
    text = error.text[:MOST_REASON_CHARACTERS].encode(errors="backslashreplace").decode()
    refused = not isinstance(error, ClusterUnavailable)
    return Failed(number=order.number, text=text, errno=error.errno, refused=refused)


def manager_error(cluster: Cluster) -> str | None:
    """Returns why the manager does not answer; None if it does."""
    try:
        cluster.ask("pg stat", passed_on=True)
    except ClusterRefused:
        return None  # it did answer
    except ClusterError as error:
        return error.text
    return None


def state_of(
    cluster: Cluster, manager: BackgroundAnswer[str | None], progress: BackgroundAnswer[Details]
) -> ClusterState:
    """Reads a cluster as its monitors know it, with what its manager adds. Raises ClusterError."""
    status = cluster.ask("status")
    pools = parse_pools(cluster.ask("osd pool ls", detail="detail"), cluster.ask("df", detail="detail"))
    events = status.get("progress_events")
    checks = parse_checks(status["health"])
    return ClusterState(
        fsid=status["fsid"],
        health=status["health"]["status"],
        checks=checks,
        pools=pools,
        osds_up=status["osdmap"]["num_up_osds"],
        osds_in=status["osdmap"]["num_in_osds"],
        release=status["monmap"]["min_mon_release_name"],
        manager_error=manager.answer(cluster),
        module_error=error_of_module(cluster, checks),
        objects_away=objects_away(status["pgmap"]),
        events=events_of(events, progress.answer(cluster), pools) if events else [],
    )


def facts_of(cluster: Cluster, manager_answers: bool) -> Facts:
    """Reads what a change of a pool depends on; does not ask a manager that does not answer. Raises ClusterError."""
    osds, crush = cluster.ask("osd dump"), cluster.ask("osd crush dump")
    leader = cluster.ask("quorum_status")["quorum_leader_name"]
    return Facts(
        release=cluster.ask("mon metadata", id=leader)["ceph_release"],
        flags=flags_of(osds),
        osds=len(osds["osds"]),
        osds_down=osds_down_of(osds),
        osds_of_rule=osds_of_rules(crush),
        inactive_pgs=inactive_pgs(cluster) if manager_answers else {},
        most_pgs_per_osd=most_pgs_per_osd(cluster, leader, manager_answers),
    )


def inactive_pgs(cluster: Cluster) -> dict[int, int]:
    """Counts inactive PGs by the id of their pool; none if the manager does not answer."""
    try:
        return inactive_pgs_of(cluster.ask("pg dump_stuck", passed_on=True, stuckops=["inactive"], threshold=0))
    except ClusterError:
        return {}


def most_pgs_per_osd(cluster: Cluster, leader: str, manager_answers: bool) -> int:
    """Returns the limit of the leading monitor, or this client's if the manager does not report that."""
    option = "mon_max_pg_per_osd"
    if manager_answers:
        with suppress(ClusterError, TypeError, ValueError):
            return int(cluster.ask("config show", passed_on=True, who=f"mon.{leader}", key=option))
    return int(cluster.option(option))
