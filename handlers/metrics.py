"""Metrics for Prometheus. Counters count as things happen; everything else is read for each scrape."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from handlers.http.access_log import HttpTally
from handlers.http.limits import RefusedTally
from handlers.services import Services
from histogram import Histogram
from jobs.engine import Workers
from jobs.model.tally import TaskTally
from jobs.model.task import Head
from jobs.store import CommitTally
from streams import dropped_lines

WORKER_STATES = ("starting", "idle", "busy", "ending", "failed to start")
_process = ProcessCollector(registry=None)


def exposition(services: Services, head: Head | None, accept: str) -> tuple[bytes, str]:
    """Returns the metrics and their content type, in the format that the Accept header asks for.

    `head` is None if the database cannot be read: the other metrics are returned all the same.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_process)
    registry.register(_Found(_all(services, head)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def count_states(states: Iterable[str]) -> dict[str, int]:
    """Returns how many workers are in each state, without the reasons of failed starts."""
    found = Counter(state.partition(":")[0] for state in states)
    return {state: found[state] for state in WORKER_STATES}


class _Found(Collector):
    """Hands the families of one scrape to prometheus_client."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _all(services: Services, head: Head | None) -> Iterator[Metric]:
    yield InfoMetricFamily("hourglass_build", "The running version.", {"version": services.version})
    if head is not None:
        yield from _kept(head)
    yield from _life(services.queue.tally)
    yield _by(
        "hourglass_tasks_waiting", "Waiting tasks, by what they wait for.", "reason", services.queue.waiting_counts()
    )
    yield from _workers(services.workers)
    yield _gauge("hourglass_websocket_clients", "Open WebSockets.", services.connections.socket_count)
    waiting = services.limits.waiting_calls.taken
    yield _gauge("hourglass_waiting_calls", "Calls that wait, or are being answered after a wait.", waiting)
    held = services.limits.answers.held_bytes
    yield _gauge("hourglass_unread_bytes", "Size of answers and frames that clients have not read yet.", held)
    yield from _answers(services.answers)
    yield _refused(services.limits.refused)
    dropped = dropped_lines()
    yield _counter(
        "hourglass_log_lines_dropped", "Log lines that were not written: too many, or nobody read them.", dropped
    )
    yield from _commits(services.health.commits)
    yield from _disk(services, is_readable=head is not None)


def _kept(head: Head) -> Iterator[Metric]:
    yield _by("hourglass_tasks", "Stored tasks, by status.", "status", head.counts)
    yield _gauge("hourglass_pending_ratio", "Mean progress of pending tasks, 0 to 1.", head.pending_percent / 100)
    yield _gauge("hourglass_revision", "The number of the last committed change.", head.revision)


def _life(tally: TaskTally) -> Iterator[Metric]:
    yield _counter("hourglass_tasks_created", "Tasks created since the start.", tally.created)
    yield _counter("hourglass_tasks_started", "Tasks that a worker took, or took again.", tally.started)
    ended = CounterMetricFamily("hourglass_tasks_ended", "Tasks that became final, by status.", labels=["status"])
    for status, number in tally.ended.items():
        ended.add_metric([status], number)
    yield ended
    yield _counter("hourglass_rounds", "Rounds that workers reported.", tally.rounds)
    yield _histogram(
        "hourglass_task_waiting_seconds", "Time from when a task could start until it did.", tally.waiting_seconds
    )
    yield _histogram(
        "hourglass_task_running_seconds", "Time from a task's first start to its end.", tally.running_seconds
    )


def _workers(workers: Workers) -> Iterator[Metric]:
    states = count_states(workers.worker_states())
    yield _by("hourglass_workers", "Worker processes, by state.", "state", states)
    cpu = CounterMetricFamily("hourglass_worker_cpu_seconds", "CPU time of a worker's process.", labels=["worker"])
    memory = GaugeMetricFamily("hourglass_worker_memory_bytes", "Memory of a worker's process.", labels=["worker"])
    for place, usage in enumerate(workers.worker_usage(), start=1):
        if usage.cpu_seconds is not None and usage.memory_bytes is not None:
            cpu.add_metric([str(place)], usage.cpu_seconds)
            memory.add_metric([str(place)], usage.memory_bytes)
    yield cpu
    yield memory


def _answers(tally: HttpTally) -> Iterator[Metric]:
    labels = ["method", "route"]
    answers = CounterMetricFamily("hourglass_http_requests", "Requests answered.", labels=[*labels, "status"])
    for (method, route, status), number in tally.answers.items():
        answers.add_metric([method, route, str(status)], number)
    yield answers
    seconds = HistogramMetricFamily("hourglass_http_request_seconds", "Time from request to answer.", labels=labels)
    for places, histogram in tally.seconds.items():
        seconds.add_metric(places, buckets=histogram.buckets(), sum_value=histogram.total)
    yield seconds


def _refused(tally: RefusedTally) -> Metric:
    family = CounterMetricFamily(
        "hourglass_refused", "Refusals of what exceeded a limit, by reason.", labels=["reason"]
    )
    for reason, number in tally.counts.items():
        family.add_metric([reason], number)
    return family


def _commits(tally: CommitTally) -> Iterator[Metric]:
    yield _histogram("hourglass_commit_seconds", "Time that a commit took to reach the disk.", tally.seconds)
    yield _histogram("hourglass_commit_operations", "Writes that shared one commit.", tally.operations)
    yield _counter("hourglass_commits_failed", "Commits that failed.", tally.failed)


def _disk(services: Services, is_readable: bool) -> Iterator[Metric]:
    data_dir = services.config.storage.data_dir
    health = services.health
    yield _gauge("hourglass_database_readable", "Whether the database can be read: 1 or 0.", is_readable)
    yield _gauge(
        "hourglass_database_writable", "Whether the last write succeeded: 1 or 0.", health.write_problem is None
    )
    with suppress(OSError):  # a disk that is gone must not take all other numbers along
        yield _gauge("hourglass_database_bytes", "Size of the database.", health.size_bytes())
        free_bytes = shutil.disk_usage(data_dir).free
        yield _gauge("hourglass_data_free_bytes", "Free disk space for the data directory.", free_bytes)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for kind, value in values.items():
        family.add_metric([kind], value)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.total)
