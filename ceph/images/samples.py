"""Samples of what images do, per second: parsed from the manager's answers, merged, packed into text. Pure."""

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
"""The figures, per second; latencies are those of one operation."""
OPERATIONS = {4: 0, 5: 1}
"""The index of each latency among the figures, and the index of its number of operations."""
ANSWERED_AS = ("write_ops", "read_ops", "write_bytes", "read_bytes", "write_latency", "read_latency")
ORDERS = ("write_ops", "read_ops")
"""The orders in which answers are requested."""
MOST_ANSWERED = 64
NANOSECONDS = 1e9

Figures = tuple[float, ...]
IDLE: Figures = (0,) * len(FIGURES)


class Answer(Struct, frozen=True):
    """The manager's answer about a group: the figures of its busy images by path; `is_full` if there may be more."""

    group: str
    rows: Mapping[str, Figures]
    is_full: bool


class Sample(Struct, frozen=True, kw_only=True):
    """One sample: the busy images by path, and the groups with too many busy images for the manager's answer.

    `at` is its end, in milliseconds since 1970; `weight` is how many samples were merged into this one.
    """

    at: int
    rows: Mapping[str, Figures]
    full_pools: frozenset[str] = frozenset()
    weight: int = 1

    def figures(self, path: str) -> Figures | None:
        """Returns the figures of an image: zeros if it was idle, None if that is unknown."""
        row = self.rows.get(path)
        if row is not None:
            return row
        return None if group_of(path) in self.full_pools else IDLE


def group_of(path: str) -> str:
    """Returns the part of an image's path before its name: the pool, and its namespace if it is in one."""
    return path.rpartition("/")[0]


# From answers


def answer_of(group: str, replies: Mapping[str, Mapping[str, Any]], descriptor: str | None = None) -> Answer:
    """Parses the replies to `rbd perf image stats` in both ORDERS. `descriptor` is the manager's name for the group, if
    the replies cover others as well.

    A reply contains the first 64 images in its order, without idle ones. So it has all images that write (or read)
    unless it has 64 of those; only both replies together show that an image which is in neither is idle.
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
    """Yields each image's group as the manager names it, its name, and its values in the order of ANSWERED_AS."""
    places = [reply["stat_descriptors"].index(name) for name in ANSWERED_AS]
    for row in reply["stats"]:
        for key, values in row.items():
            index, _, name = key.partition("/")
            yield reply["pool_descriptors"].get(index), name, [values[place] for place in places]


def _figures_of(values: Sequence[float]) -> Figures:
    """Corrects the latencies: the manager divides by at least one operation a second, even if there were fewer."""
    latencies = [
        values[place] / NANOSECONDS / min(1.0, values[operations]) if values[operations] > 0 else 0
        for place, operations in OPERATIONS.items()
    ]
    return tuple(as_unpacked(value) for value in (*values[:4], *latencies))


def sample_of(answers: Iterable[Answer], paths: Collection[str], at: int) -> Sample:
    """Makes a sample of the requested images."""
    answers = list(answers)
    rows = {path: row for answer in answers for path, row in answer.rows.items() if path in paths}
    return Sample(at=at, rows=rows, full_pools=frozenset(answer.group for answer in answers if answer.is_full))


# Merging, if there are too many


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Returns fewer samples if there are two or more: merges the lightest neighbours, to even out the weights."""
    for most in sorted({sample.weight for sample in samples}):
        found = _merged_in_pairs(samples, most)
        if len(found) < len(samples):
            return found
    return list(samples)


def _merged_in_pairs(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Merges pairs of neighbours that weigh no more than this."""
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
    """Merges two samples into their means; what is known in only one of them stands for both."""
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
    """Returns the weighted means of figures; latencies are weighted by their operations, too."""
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
    """Encodes a number from 0 to 1e12 in 16 bits: 6 of exponent, 10 of fraction. Integers up to 2,048 are exact, others
    to 0.05 %; smaller numbers than 6e-8 become that."""
    if value <= 0:
        return 0
    bits: int = unpack("<I", pack("<f", min(value, 1e12)))[0]
    return min(max(((bits + 0x1000) >> 13) - _BELOW, 1), 0xFFFF)


def number_of(code: int) -> float:
    """Decodes a number, to four digits."""
    if code == 0:
        return 0
    value: float = unpack("<f", pack("<I", (code + _BELOW) << 13))[0]
    return to_four_digits(value)


def as_unpacked(value: float) -> float:
    """Returns a number as it is after packing and unpacking, so that it is the same everywhere."""
    return number_of(number_code(value))


def to_four_digits(value: float) -> float:
    """Rounds to four digits; integers become `int`."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded == int(rounded) else rounded


def packed_samples(samples: Sequence[Sample], paths: Sequence[str]) -> str:
    """Packs samples into text without quotes or line ends. Unpacking needs the same `paths`, in the same order."""
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
    """The provisioned size of an image, and how much of it is written."""

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
    """All samples of a task. Beyond MOST_ROWS rows of busy images neighbours are merged."""

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
        """Returns the number of samples that were added."""
        return sum(sample.weight for sample in self.samples)

    def add(self, sample: Sample) -> None:
        self._open.append(sample)
        if rows_in(self.samples) > self.MOST_ROWS:
            self._thin()
        if len(self._open) >= self.SAMPLES_A_BLOCK or rows_in(self._open) >= self.ROWS_A_BLOCK:
            self._close()

    def packed(self) -> list[str]:
        """Packs all samples, one text for every 60 samples or fewer if many images are busy; full ones only once."""
        return [*self._blocks, packed_samples(self._open, self._paths)] if self._open else list(self._blocks)

    def _thin(self) -> None:
        """Merges until at least a quarter is gone: the rest is packed again, which must not happen with each sample."""
        samples = self.samples
        while rows_in(samples) > self.MOST_ROWS * 3 // 4 and len(samples) > 1:
            samples = thinned(samples)
        self._blocks, self._closed, self._open = [], [], samples

    def _close(self) -> None:
        self._blocks.append(packed_samples(self._open, self._paths))
        self._closed += self._open
        self._open = []
