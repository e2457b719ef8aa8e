"""Goal 12: the time from starting the program to the line with its address, with a million tasks and with none."""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

from bench.databases import MANY, Databases
from bench.figures import Row, in_turn, ratio
from bench.service import serving


def measure(databases: Databases) -> list[Row]:
    """Measures starts that are no first ones: both databases exist, and have their user."""
    empty, many = databases.empty("starting"), databases.filled(MANY)
    for directory in (empty, many):
        ready_seconds(directory)
    found = in_turn(partial(ready_seconds, many), partial(ready_seconds, empty))
    ours, others = (f"{statistics.median(side) * 1000:,.0f} ms" for side in found)
    return [Row("12", f"start to ready with {MANY:,} tasks ÷ with none", ours, others, ratio(*found), "≤ 1.5")]


def ready_seconds(directory: Path) -> float:
    """Returns how long a start takes."""
    with serving(directory) as service:
        return service.program.ready_seconds
