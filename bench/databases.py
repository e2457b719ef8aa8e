"""Filled databases, each created on first use."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.fill import fill

FEW, MANY = 1_000, 1_000_000


class Databases:
    """Data directories below two directories: filled ones, which are found again and used again, and empty ones."""

    def __init__(self, filled: Path, empty: Path) -> None:
        self._filled = filled
        self._empty = empty

    def filled(self, count: int) -> Path:
        """Returns a data directory with `count` ended tasks."""
        directory = self._filled / f"tasks-{count}"
        if not directory.exists():
            print(f"Filling a database with {count:,} tasks …", flush=True)
            making = directory.with_suffix(".making")
            fill(making, count)
            making.rename(directory)
        return directory

    def empty(self, name: str) -> Path:
        """Returns a data directory of that name with nothing in it yet."""
        directory = self._empty / name
        directory.mkdir()
        return directory

    def copy(self, count: int, name: str) -> Path:
        """Returns a data directory of that name with `count` ended tasks, for what changes them."""
        source, directory = self.filled(count), self.empty(name)
        for path in source.glob("hourglass.db*"):
            shutil.copy(path, directory)
        return directory
