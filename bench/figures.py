"""Measures two things alternately, so that drift affects both, and returns the results as rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

RUNS = 5

Figure = TypeVar("Figure")


@dataclass(frozen=True)
class Row:
    """One figure of ours and its ratio to that of a limit or peer. `wanted` is the goal, where there is one."""

    goal: str
    what: str
    ours: str
    other: str
    ratio: float | None
    wanted: str = "–"

    def cells(self) -> list[str]:
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.goal, self.what, self.ours, self.other, ratio, self.wanted]


def in_turn(*measures: Callable[[], Figure], runs: int = RUNS) -> list[list[Figure]]:
    """Returns the results of each measure, one run of each after the other."""
    results: list[list[Figure]] = [[] for _ in measures]
    for _ in range(runs):
        for measure, found in zip(measures, results, strict=True):
            found.append(measure())
    return results


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Returns the median of the ratios of the pairs."""
    return statistics.median(one / other for one, other in zip(ours, others, strict=True))
