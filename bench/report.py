"""Updates the tables of docs/speed.md, which are found by the comments around them."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import tornado

from bench.service import ROOT

DOCUMENT = ROOT / "docs" / "speed.md"
GOALS = "goals"
GOAL_COLUMNS = ["goal", "what", "Hourglass", "limit or peer", "ratio", "wanted", "measured"]

Rows = list[list[str]]


class Table:
    """A table whose rows are also printed as they are added."""

    def __init__(self, name: str, columns: list[str]) -> None:
        self.name = name
        self.columns = columns
        self.rows: list[list[str]] = []

    def add(self, *cells: str) -> None:
        self.rows.append(list(cells))
        print(" | ".join(cells), flush=True)


def write_table(name: str, columns: Sequence[str], rows: Rows, document: Path = DOCUMENT) -> None:
    """Replaces the table of that name."""
    lines = [_line(cells) for cells in [columns, ["---"] * len(columns), *rows]]
    _replace(name, lines, document)


def update_goals(rows: Rows, document: Path = DOCUMENT) -> None:
    """Replaces the rows of the same goals (first cell) and leaves the other rows unchanged."""
    kept = {row[0]: row for row in _rows_of(GOALS, document)} | {row[0]: [*row, _today()] for row in rows}
    write_table(GOALS, GOAL_COLUMNS, [kept[goal] for goal in sorted(kept, key=_number)], document)
    _replace("machine", [machine()], document)


def write_machine(name: str, document: Path = DOCUMENT) -> None:
    """Replaces the description of the machine and its load under that name."""
    _replace(name, [f"{machine()} Load average before: {os.getloadavg()[0]:.1f}."], document)


def machine() -> str:
    """Describes the machine, the versions and the date of a measurement."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_today()}: {os.cpu_count()} cores of {processor[1] if processor else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}, tornado {tornado.version}, "
        f"SQLite {sqlite3.sqlite_version}."
    )


def _today() -> str:
    return time.strftime("%Y-%m-%d")


def _number(goal: str) -> tuple[str, int, str]:
    """Returns a sort key: goals without a letter come first."""
    found = re.match(r"([A-Z]?)(\d+)(.*)", goal)
    return (found[1], int(found[2]), found[3]) if found else ("", 0, goal)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows_of(name: str, document: Path) -> Rows:
    lines = _find(name, document.read_text())[2].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]


def _replace(name: str, lines: Sequence[str], document: Path) -> None:
    text = document.read_text()
    found = _find(name, text)
    document.write_text(text[: found.start(2)] + "\n".join(lines) + "\n" + text[found.end(2) :])


def _find(name: str, text: str) -> re.Match[str]:
    found = re.search(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", text, re.DOTALL)
    if found is None:
        raise ValueError(f"expected the marks <!-- {name} --> and <!-- /{name} --> in docs/speed.md, got none")
    return found
