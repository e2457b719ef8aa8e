"""Measures a large Ceph cluster as an administrator uses it: views, jobs and their processes, and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from bench import large_jobs, large_page, large_reader, large_views
from bench.databases import Databases
from bench.large_cluster import LARGE, Scale, large_cluster
from bench.report import Table, write_machine

NAME = "ceph"
COLUMNS = ("what", "Hourglass", "limit or before", "ratio", "wanted")


def measure(databases: Databases, scale: Scale = LARGE) -> Iterator[Table]:
    """Measures the tables of a large cluster; they take some minutes."""
    write_machine(f"{NAME}-machine")
    directories = (databases.empty(f"ceph-{number}") for number in count())
    with large_cluster(scale) as cluster:
        yield large_views.measure(cluster, directories)
        rows = [
            *large_reader.measure(cluster.conf),
            *large_jobs.measure_looks(str(cluster.conf)),
            *large_page.measure(cluster, next(directories), _counts(scale)),
        ]
    table = Table(NAME, [*COLUMNS])
    for row in [*rows, *large_jobs.measure_hour(scale)]:
        table.add(*row.cells()[1:])
    yield table


def _counts(scale: Scale) -> Mapping[str, str]:
    return {"pools": f"{scale.pools:,} pools", "images": f"{scale.images:,} images"}
