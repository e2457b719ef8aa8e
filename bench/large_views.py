"""Measures the REST views of a large cluster: first call, repeated call, and calls while ten tasks measure images."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from bench.figures import RUNS
from bench.report import Table
from bench.service import API, Service, serving
from tests.support.cluster import Cluster

MEASUREMENTS = 10
MEASURED_SECONDS = 720
READS = 200
PATIENCE_SECONDS = 600
HEALTH_EACH_SECONDS = 0.05
CALL_EACH_SECONDS = 0.1
SAMPLE_WORDS = "sample "

WORDS = {
    "pools": "`GET pools?pageSize=200`",
    "rbds": "`GET rbds?pageSize=100&page=20`",
    "clusters": "`GET ceph`",
}
NAME = "ceph-views"
COLUMNS = (
    "view",
    "answer",
    "first call",
    "just read",
    "while ten tasks read sizes: p50 / p99 / slowest (p99 ÷ 1 s)",
    "while ten tasks take samples: the same",
)


@dataclass
class Meanwhile:
    """How long calls took, in seconds, by their names."""

    taken: dict[str, list[float]] = field(default_factory=dict)
    health: list[float] = field(default_factory=list)


def settings_for(cluster: Cluster) -> Mapping[str, object]:
    return {'ceph "large"__conf': cluster.conf, "workers__count": MEASUREMENTS}


def urls(fsid: str) -> Mapping[str, str]:
    """Returns the addresses of the views; `rbds` is its last page."""
    return {
        "pools": f"{API}/ceph/{fsid}/pools?pageSize=200",
        "rbds": f"{API}/ceph/{fsid}/rbds?pageSize=100&page=20",
        "clusters": f"{API}/ceph",
    }


def measure(cluster: Cluster, directories: Iterator[Path]) -> Table:
    """Returns a row for each view."""
    firsts = _firsts(cluster, directories)
    with serving(next(directories), **settings_for(cluster)) as service:
        held = _held(service, cluster.fsid)
        sizes = {name: len(service.raw("GET", url)) for name, url in urls(cluster.fsid).items()}
        with _measurements(service, cluster.fsid):
            sizing = _meanwhile(service, cluster.fsid)
            _wait_for_samples(service)
            sampling = _meanwhile(service, cluster.fsid)
    table = Table(NAME, [*COLUMNS])
    for name, words in WORDS.items():
        table.add(
            words,
            f"{sizes[name] / 1000:.1f} kB",
            _milliseconds(statistics.median(firsts[name])),
            _milliseconds(statistics.median(held[name])),
            *(_spread(found.taken[name]) for found in (sizing, sampling)),
        )
    table.add("`GET /health`", "–", "–", "–", *(_spread(found.health) for found in (sizing, sampling)))
    return table


def _firsts(cluster: Cluster, directories: Iterator[Path]) -> Mapping[str, list[float]]:
    """Seconds of each view as the first call about the cluster after the server's start."""
    found: dict[str, list[float]] = {name: [] for name in WORDS}
    for _ in range(RUNS):
        for name, url in urls(cluster.fsid).items():
            with serving(next(directories), **settings_for(cluster)) as service:
                found[name].append(service.seconds(url))
    return found


def _held(service: Service, fsid: str) -> Mapping[str, list[float]]:
    """Seconds of each view just after it was read."""
    found: dict[str, list[float]] = {}
    for name, url in urls(fsid).items():
        service.raw("GET", url)
        found[name] = [service.seconds(url) for _ in range(RUNS)]
    return found


@contextmanager
def _measurements(service: Service, fsid: str) -> Iterator[None]:
    """Lets ten tasks measure all images meanwhile."""
    url = f"ceph/{fsid}/rbds/performance"
    tasks = [service.call("POST", url, {"seconds": MEASURED_SECONDS}) for _ in range(MEASUREMENTS)]
    try:
        yield
    finally:
        for task in tasks:
            service.call("DELETE", f"taskqueue/{task['id']}?if_status=pending")


def _wait_for_samples(service: Service) -> None:
    _until(lambda: all(message.startswith(SAMPLE_WORDS) for message in _messages(service)))


def _messages(service: Service) -> Sequence[str]:
    """Returns what the tasks say. Raises RuntimeError if one of them has ended."""
    running = service.call("GET", f"taskqueue?status=Running&pageSize={MEASUREMENTS}")["results"]
    if len(running) < MEASUREMENTS:
        raise RuntimeError(f"expected {MEASUREMENTS} tasks to measure, got {len(running)}")
    return [task["message"] or "" for task in running]


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"expected all tasks to take samples within {PATIENCE_SECONDS} s")
        time.sleep(1)


def _meanwhile(service: Service, fsid: str) -> Meanwhile:
    """Calls each view many times, one after the other, and /health beside them."""
    found = Meanwhile({name: [] for name in WORDS})
    with _health_watched(service.program.place, found):
        for _ in range(READS):
            for name, url in urls(fsid).items():
                found.taken[name].append(service.seconds(url))
            time.sleep(CALL_EACH_SECONDS)
    return found


@contextmanager
def _health_watched(place: str, found: Meanwhile) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        connection = HTTPConnection(place, timeout=60)
        while not done.wait(HEALTH_EACH_SECONDS):
            began = time.perf_counter()
            connection.request("GET", "/health")
            assert connection.getresponse().read()
            found.health.append(time.perf_counter() - began)
        connection.close()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.1f}"


def _spread(seconds: Sequence[float]) -> str:
    """Returns its p50, p99 and slowest, and the ratio of the p99 to a second."""
    cuts = statistics.quantiles(seconds, n=100)
    spread = (cuts[49], cuts[98], max(seconds))
    return f"{' / '.join(f'{1000 * value:,.0f}' for value in spread)} (×{cuts[98]:.2f})"
