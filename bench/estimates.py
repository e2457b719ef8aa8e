"""Compares estimators of a task's end, on simulated rounds and on rounds that were executed and timed."""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from jobs.model.forecast import RECENT_ROUNDS, mean_seconds, trend_seconds

ROUNDS = 80
RUNS = 25
SMOOTHING = 0.3
"""That of tqdm, by default."""

Durations = Sequence[float]
Estimator = Callable[[Durations, int], float]
"""From the rounds that are done and the number of those ahead to the mean seconds of one of these."""
MakeDurations = Callable[[random.Random], Durations]


def _noisy(rng: random.Random, shape: Callable[[int], float], sigma: float) -> Durations:
    return [shape(number) * rng.lognormvariate(0, sigma) for number in range(ROUNDS)]


KINDS: Mapping[str, MakeDurations] = {
    "steady": lambda rng: _noisy(rng, lambda _: 1, 0.05),
    "lognormal": lambda rng: _noisy(rng, lambda _: 1, 0.6),
    "slowing down": lambda rng: _noisy(rng, lambda number: 1 + 3 * number / ROUNDS, 0.1),
    "every tenth 20 times as long": lambda rng: _noisy(rng, lambda number: 20 if number % 10 == 9 else 1, 0.1),
    "one in ten 20 times as long": lambda rng: _noisy(rng, lambda _: 20 if rng.random() < 0.1 else 1, 0.1),
    "speeding up": lambda rng: _noisy(rng, lambda number: 4 - 3 * number / ROUNDS, 0.1),
    "three times as long after a third": lambda rng: _noisy(rng, lambda number: 1 if number < 27 else 3, 0.1),
}
"""Made-up rounds: the relative noise is lognormal."""


def _median(done: Durations, ahead: int) -> float:
    return statistics.median(done[-RECENT_ROUNDS:])


def _mean(done: Durations, ahead: int) -> float:
    return statistics.fmean(done[-RECENT_ROUNDS:])


def _exponential(done: Durations, ahead: int) -> float:
    """Weighs rounds as tqdm does: bias-corrected, so that the first rounds count in full."""
    average = weight = 0.0
    for seconds in done:
        average = SMOOTHING * seconds + (1 - SMOOTHING) * average
        weight = SMOOTHING + (1 - SMOOTHING) * weight
    return average / weight


def _theil_sen(done: Durations, ahead: int) -> float:
    """Follows the median slope of all pairs of rounds, by chance or not."""
    slopes = [
        (done[later] - done[earlier]) / (later - earlier) for later in range(len(done)) for earlier in range(later)
    ]
    slope = statistics.median(slopes)
    level = statistics.median(seconds - slope * number for number, seconds in enumerate(done))
    return max(0.0, level + slope * (len(done) + (ahead - 1) / 2))


ESTIMATORS: Mapping[str, Estimator] = {
    "median of the last 20": _median,
    "mean of the last 20": _mean,
    "exponential, as in tqdm": _exponential,
    "Theil–Sen": _theil_sen,
    "Hourglass": mean_seconds,
}


def median_error(estimator: Estimator, make: MakeDurations, runs: int = RUNS) -> float:
    """Returns the median error of the time that was left, relative to it, from half of the rounds on."""
    rng = random.Random(1)
    return statistics.median(error for _ in range(runs) for error in _errors(estimator, make(rng)))


def _errors(estimator: Estimator, durations: Durations) -> Iterator[float]:
    for done in range(len(durations) // 2, len(durations)):
        left = sum(durations[done:])
        ahead = len(durations) - done
        yield abs(ahead * estimator(durations[:done], ahead) - left) / left


# Rounds that were done and timed


def _hashed_files() -> Durations:
    """Hashes the modules of Python, a file a round: sizes differ by a factor of a thousand."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return [_seconds(partial(_hash, file)) for file in islice(files, ROUNDS)]


def _hash(file: Path) -> None:
    hashlib.sha256(file.read_bytes() * 50)


def _synced_writes() -> Durations:
    """Appends 256 KiB a round to a file, and waits for the disk."""
    with tempfile.TemporaryFile() as file:

        def write() -> None:
            file.write(os.urandom(256 * 1024))
            file.flush()
            os.fsync(file.fileno())

        return [_seconds(write) for _ in range(ROUNDS)]


def _growing_sorts() -> Durations:
    """Sorts a list that grows with each round."""
    rng = random.Random(1)
    numbers: list[float] = []

    def sort() -> None:
        numbers.extend(rng.random() for _ in range(2000))
        sorted(numbers)

    return [_seconds(sort) for _ in range(ROUNDS)]


RECORDED: Mapping[str, Callable[[], Durations]] = {
    "recorded: hashing files": _hashed_files,
    "recorded: writes to the disk": _synced_writes,
    "recorded: sorting a growing list": _growing_sorts,
}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# The table of docs/speed.md


def measure() -> tuple[list[str], list[list[str]]]:
    """Returns the columns and rows of the table: a kind of rounds in each row, an estimator in each column."""
    rows = [[kind, *(_percent(median_error(one, make)) for one in ESTIMATORS.values())] for kind, make in KINDS.items()]
    for kind, record in RECORDED.items():
        runs = [record() for _ in range(RUNS)]
        errors = [
            statistics.median(error for run in runs for error in _errors(one, run)) for one in ESTIMATORS.values()
        ]
        rows.append([kind, *map(_percent, errors)])
    return ["rounds", *ESTIMATORS], rows


def microseconds_a_round() -> float:
    """Returns what the estimate of a task costs after each of its rounds, at most."""
    durations = _noisy(random.Random(1), lambda _: 1, 0.5)
    times = 200
    return _seconds(lambda: [trend_seconds(durations) for _ in range(times)]) / times * 1e6


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
