"""`python -m bench` measures the goals and writes them to docs/speed.md; `make bench` runs it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import creating, estimates, idle, large, limits, lists, million, page, report, running, starting, workers
from bench.databases import Databases
from bench.figures import Row
from bench.peer import PeerMissing
from bench.report import Table
from bench.service import Refused

GOALS: Mapping[str, Callable[[Databases], list[Row]]] = {
    "1": creating.measure,
    "2": running.measure_end_to_end,
    "3": running.measure_latency,
    "7": lists.measure,
    "10": idle.measure,
    "12": starting.measure,
    "page": page.measure,
    "search": page.measure_search,
    "workers": workers.measure,
    "limits": limits.measure,
}
ESTIMATES = "estimates"
LONG: Mapping[str, Callable[[Databases], Iterator[Table]]] = {"million": million.measure, "ceph": large.measure}
"""What takes minutes, and is measured only if it is asked for."""
KNOWN = (*GOALS, ESTIMATES, *LONG)


def main(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else what was started would outlive the benchmark
    with _databases(given.databases) as databases:
        for name in LONG.keys() & set(given.goals):
            _measure_long(name, databases)
        if ESTIMATES in given.goals or not given.goals:
            _measure_estimates()
        goals = [goal for goal in given.goals or GOALS if goal not in (ESTIMATES, *LONG)]
        if goals:
            _measure_goals(goals, databases)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "goals",
        nargs="*",
        metavar="GOAL",
        type=_goal,
        help=f"which to measure: {', '.join(KNOWN)} (default: all but {' and '.join(LONG)}, which take longer)",
    )
    parser.add_argument(
        "--databases", type=Path, help="where filled databases are kept and found again (default: nowhere)"
    )
    return parser


def _goal(text: str) -> str:
    if text not in KNOWN:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(KNOWN)}, got {text}")
    return text


@contextmanager
def _databases(kept: Path | None) -> Iterator[Databases]:
    with tempfile.TemporaryDirectory() as directory:
        yield Databases(kept or Path(directory), Path(directory))


def _measure_long(name: str, databases: Databases) -> None:
    print(report.machine(), flush=True)
    try:
        for table in LONG[name](databases):
            report.write_table(table.name, table.columns, table.rows)
    except PeerMissing as missing:
        print(f"{name} is not measured: {missing}")


def _measure_estimates() -> None:
    columns, rows = estimates.measure()
    report.write_table(ESTIMATES, columns, rows)
    for cells in rows:
        print(": ".join((cells[0], ", ".join(map(" ".join, zip(columns[1:], cells[1:], strict=True))))))
    print(f"an estimate takes {estimates.microseconds_a_round():.0f} µs, once a round at most")


def _measure_goals(goals: Sequence[str], databases: Databases) -> None:
    rows: list[list[str]] = []
    print(report.machine())
    for goal in goals:
        rows += _cells_of(goal, databases)
    report.update_goals(rows)


def _cells_of(goal: str, databases: Databases) -> list[list[str]]:
    try:
        cells = [row.cells() for row in GOALS[goal](databases)]
    except (PeerMissing, Refused) as missing:
        print(f"goal {goal} is not measured: {missing}")
        return []
    for row in cells:
        print("{:>3}  {}\n     {} against {}: ratio {}, wanted {}".format(*row), flush=True)
    return cells


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
