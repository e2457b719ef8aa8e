"""Samples of what images do, per second: read from the manager's answers, joined, packed into little text. Pure."""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from struct import pack, unpack
from typing import Any

from msgspec import Struct

from ceph.state import encoded

FIGURES = ("write_ops", "read_ops", "write_bytes", "read_bytes", "write_latency_seconds", "read_latency_seconds")
"""Per second; latencies are of one operation."""
OPERATIONS = {4: 0, 5: 1}
"""Where a latency stands among the figures, and where the number of its operations does."""
ANSWERED_AS = ("write_ops", "read_ops", "write_bytes", "read_bytes", "write_latency", "read_latency")
ORDERS = ("write_ops", "read_ops")
"""The orders in which an answer is asked for."""
MOST_ANSWERED = 64
NANOSECONDS = 1e9

Figures = tuple[float, ...]
IDLE: Figures = (0,) * len(FIGURES)


class Answer(Struct, frozen=True):
    """What the manager said of a group: the figures of its busy images by path. It `is_full` if there may be more."""

    group: str
    rows: Mapping[str, Figures]
    is_full: bool


class Sample(Struct, frozen=True, kw_only=True):
    """A moment: the busy images by path, and the groups of which there were too many to tell of all.

    `at` is in milliseconds since 1970, at its end; `weight` is how many samples were joined to this one.
    """

    at: int
    rows: Mapping[str, Figures]
    full_pools: frozenset[str] = frozenset()
    weight: int = 1

    def figures(self, path: str) -> Figures | None:
        """Of an image, zero where it did nothing; None where that is not known."""
        row = self.rows.get(path)
        if row is not None:
            return row
        return None if group_of(path) in self.full_pools else IDLE


def group_of(path: str) -> str:
    """Returns the part of an image's path before its name: the pool, and its namespace if it is in one."""
    return path.rpartition("/")[0]


# From answers


def answer_of(group: str, replies: Mapping[str, Mapping[str, Any]], descriptor: str | None = None) -> Answer:
    """From the replies to `rbd perf image stats` in both ORDERS. `descriptor` is what the manager calls the group, if
    the replies are about others as well.

    A reply holds the first 64 images in its order, less those that do nothing at all. So it has all images that write
    (or read) unless there are 64 of those in it; only both together tell that an image which is in neither is idle.
    """
    rows: dict[str, Figures] = {}
    is_full = False
    for order, reply in replies.items():
        found = list(_rows_of(reply))
        place = ANSWERED_AS.index(order)
        is_full |= sum(values[place] > 0 for _, _, values in found) >= MOST_ANSWERED
        own = [(name, values) for of, name, values in found if descriptor in (None, of)]
        rows |= {f"{group}/{encoded(name)}": _figures_of(values) for name, values in own}
    return Answer(group, rows, is_full)


def _rows_of(reply: Mapping[str, Any]) -> Iterator[tuple[str | None, str, list[float]]]:
    """Each image's group, as the manager calls it, its name, and what the reply says in the order of ANSWERED_AS."""
    places = [reply["stat_descriptors"].index(name) for name in ANSWERED_AS]
    for row in reply["stats"]:
        for key, values in row.items():
            index, _, name = key.partition("/")
            yield reply["pool_descriptors"].get(index), name, [values[place] for place in places]


def _figures_of(values: Sequence[float]) -> Figures:
    """The manager divides by at least one operation a second, whatever there were; that is put right here."""
    latencies = [
        values[place] / NANOSECONDS / min(1.0, values[operations]) if values[operations] > 0 else 0
        for place, operations in OPERATIONS.items()
    ]
    return tuple(as_unpacked(value) for value in (*values[:4], *latencies))


def sample_of(answers: Iterable[Answer], paths: Collection[str], at: int) -> Sample:
    """Of the images that are asked for."""
    answers = list(answers)
    rows = {path: row for answer in answers for path, row in answer.rows.items() if path in paths}
    return Sample(at=at, rows=rows, full_pools=frozenset(answer.group for answer in answers if answer.is_full))


# Joined, where there are too many


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Fewer, where there are two or more: neighbours of the least weight are joined, so that all get the same."""
    for most in sorted({sample.weight for sample in samples}):
        found = _joined_in_pairs(samples, most)
        if len(found) < len(samples):
            return found
    return list(samples)


def _joined_in_pairs(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Each two neighbours that weigh no more than that."""
    found: list[Sample] = []
    partner: Sample | None = None
    for sample in samples:
        if partner is not None and sample.weight <= most:
            found[-1], partner = joined(partner, sample), None
        else:
            found.append(sample)
            partner = sample if sample.weight <= most else None
    return found


def joined(first: Sample, second: Sample) -> Sample:
    """Both as one: the means. What is known of one alone stands for both."""
    rows = {path: row for path in {**first.rows, **second.rows} if (row := _mean_row(first, second, path))}
    return Sample(
        at=second.at,
        rows=rows,
        full_pools=first.full_pools & second.full_pools,
        weight=first.weight + second.weight,
    )


def _mean_row(first: Sample, second: Sample, path: str) -> Figures | None:
    known = [(one.weight, row) for one in (first, second) if (row := one.figures(path)) is not None]
    return mean_figures(known) if len(known) > 1 else known[0][1]


def mean_figures(weighted: Sequence[tuple[float, Figures]]) -> Figures:
    """The means of figures with their weights; of a latency, by operations."""
    return tuple(as_unpacked(_mean(weighted, place)) for place in range(len(FIGURES)))


def _mean(weighted: Sequence[tuple[float, Figures]], place: int) -> float:
    operations = OPERATIONS.get(place)
    weights = [weight if operations is None else weight * row[operations] for weight, row in weighted]
    whole = sum(weights)
    return sum(weight * row[place] for weight, (_, row) in zip(weights, weighted, strict=True)) / whole if whole else 0


# Packed


EXPONENT_OF_0 = 24
_BELOW = (127 - EXPONENT_OF_0) << 10


def number_code(value: float) -> int:
    """A number from 0 to 1e12 in 16 bits: 6 of exponent, 10 of fraction. Whole numbers to 2,048 are exact, others to
    0.05 %; what is under 6e-8 counts as that."""
    if value <= 0:
        return 0
    bits: int = unpack("<I", pack("<f", min(value, 1e12)))[0]
    return min(max(((bits + 0x1000) >> 13) - _BELOW, 1), 0xFFFF)


def number_of(code: int) -> float:
    """The number of a code, to four digits."""
    if code == 0:
        return 0
    value: float = unpack("<f", pack("<I", (code + _BELOW) << 13))[0]
    return to_four_digits(value)


def as_unpacked(value: float) -> float:
    """A number as it comes back after it was packed, so that it is the same everywhere."""
    return number_of(number_code(value))


def to_four_digits(value: float) -> float:
    """Four digits, and no fraction where there is none."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded == int(rounded) else rounded


def packed_samples(samples: Sequence[Sample], paths: Sequence[str]) -> str:
    """Text without quotes or line ends. `paths` are the images; their order has to be the same to unpack it."""
    places = {path: place for place, path in enumerate(paths)}
    heads = [[one.at, one.weight, sorted(one.full_pools), len(one.rows)] for one in samples]
    rows = (
        [places[path], *map(number_code, row)] for one in samples for path, row in one.rows.items() if path in places
    )
    return packed(json.dumps(heads).encode() + b"\n" + array("H", chain.from_iterable(rows)).tobytes())


def unpacked_samples(text: str, paths: Sequence[str]) -> list[Sample]:
    head, _, body = unpacked(text).partition(b"\n")
    codes = array("H")
    codes.frombytes(body)
    rows = _rows(codes, paths)
    return [
        Sample(at=at, weight=weight, full_pools=frozenset(full), rows=dict(next(rows) for _ in range(count)))
        for at, weight, full, count in json.loads(head)
    ]


def _rows(codes: Sequence[int], paths: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    width = 1 + len(FIGURES)
    for start in range(0, len(codes), width):
        place, *figures = codes[start : start + width]
        yield paths[place], tuple(map(number_of, figures))


class Sizes(Struct, frozen=True):
    """Of an image: what it is provisioned with, and what is written."""

    size_bytes: int
    used_bytes: int


def packed_sizes(sizes: Mapping[str, Sizes]) -> str:
    return packed(json.dumps([[path, one.size_bytes, one.used_bytes] for path, one in sizes.items()]).encode())


def unpacked_sizes(text: str) -> dict[str, Sizes]:
    return {path: Sizes(size, used) for path, size, used in json.loads(unpacked(text))} if text else {}


def packed(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 6)).decode()


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


def rows_in(samples: Iterable[Sample]) -> int:
    return sum(len(sample.rows) for sample in samples)


class Series:
    """All samples of a task, kept small: beyond MOST_ROWS rows of busy images neighbours are joined."""

    MOST_ROWS = 720 * 64
    SAMPLES_A_BLOCK = 60
    ROWS_A_BLOCK = 60 * 64

    def __init__(self, paths: Sequence[str], packed: Iterable[str] = ()) -> None:
        self._paths = paths
        self._blocks = list(packed)
        self._closed = [sample for block in self._blocks for sample in unpacked_samples(block, paths)]
        self._open: list[Sample] = []

    @property
    def samples(self) -> list[Sample]:
        return [*self._closed, *self._open]

    @property
    def taken(self) -> int:
        """How many samples were added."""
        return sum(sample.weight for sample in self.samples)

    def add(self, sample: Sample) -> None:
        self._open.append(sample)
        if rows_in(self.samples) > self.MOST_ROWS:
            self._thin()
        if len(self._open) >= self.SAMPLES_A_BLOCK or rows_in(self._open) >= self.ROWS_A_BLOCK:
            self._close()

    def packed(self) -> list[str]:
        """All of it, a text for each 60 samples, fewer if many images are busy: a full one is not packed again."""
        return [*self._blocks, packed_samples(self._open, self._paths)] if self._open else list(self._blocks)

    def _thin(self) -> None:
        """By a quarter at least: all that is left is packed anew, which must not be so with each sample."""
        samples = self.samples
        while rows_in(samples) > self.MOST_ROWS * 3 // 4 and len(samples) > 1:
            samples = thinned(samples)
        self._blocks, self._closed, self._open = [], [], samples

    def _close(self) -> None:
        self._blocks.append(packed_samples(self._open, self._paths))
        self._closed += self._open
        self._open = []
