"""The result of a measurement: sizes, series, and a summary of each figure; and the outputs of its rounds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ceph.images.samples import (
    FIGURES,
    OPERATIONS,
    Figures,
    Sample,
    Sizes,
    group_of,
    mean_figures,
    thinned,
    to_four_digits,
)
from ceph.state import Trouble
from jobs.clock import iso_time
from jobs.text import counted

MOST_POINTS = 100_000
"""The limit for all series together; a point has six figures, in at most 80 characters."""
Weighted = Sequence[tuple[float, float]]
Summary = Mapping[str, float]
NOTHING: Summary = {"mean": 0, "p50": 0, "p95": 0, "max": 0}


def result_of(
    sizes: Mapping[str, Sizes],
    samples: Sequence[Sample],
    interval_seconds: float,
    removed: Iterable[str],
    errors: Mapping[str, Trouble] | None = None,
) -> dict[str, object]:
    """Returns the result of a task, at most 10 MiB. `errors` are why images could not be read."""
    busy = sorted({path for sample in samples for path in sample.rows} & set(sizes))
    idle = {group: _figures_of(f"{group}/", samples) for group in {group_of(path) for path in sizes}}
    of_busy = {path: _figures_of(path, samples) for path in busy}
    found = {path: {**_sizes_of(one), **(of_busy.get(path) or idle[group_of(path)])} for path, one in sizes.items()}
    failed = {path: error_of(trouble) for path, trouble in (errors or {}).items()}
    return {
        "images": dict(sorted({**found, **failed}.items())),
        "series": _series_of(busy, samples, interval_seconds),
        "removed": sorted(removed),
    }


def error_of(trouble: Trouble) -> dict[str, object]:
    """Returns what replaces an image's figures if it could not be read."""
    return {"error": {"errno": trouble.errno, "text": trouble.text}}


def _sizes_of(sizes: Sizes) -> dict[str, int]:
    return {"size_bytes": sizes.size_bytes, "used_bytes": sizes.used_bytes}


def _figures_of(path: str, samples: Sequence[Sample]) -> dict[str, object]:
    known = [(sample.weight, row) for sample in samples if (row := sample.figures(path)) is not None]
    return {
        "measured": bool(known),
        "samples": sum(sample.weight for sample in samples),
        "samples_measured": sum(weight for weight, _ in known),
        **(_summaries(known) if known else dict.fromkeys(FIGURES)),
    }


def _summaries(known: Sequence[tuple[int, Figures]]) -> dict[str, Summary]:
    busy = [(weight, row) for weight, row in known if any(row)]
    if not busy:
        return dict.fromkeys(FIGURES, NOTHING)
    means = mean_figures(known)
    return {name: _summary(_values(known, place), means[place]) for place, name in enumerate(FIGURES)}


def _values(known: Sequence[tuple[int, Figures]], place: int) -> Weighted:
    """Returns the values with their weights; those of a latency only for samples with operations."""
    operations = OPERATIONS.get(place)
    return [(row[place], weight) for weight, row in known if operations is None or row[operations] > 0]


def _summary(values: Weighted, mean: float) -> Summary:
    if not values:
        return NOTHING
    values = sorted(values)
    return {
        "mean": mean,
        "p50": percentile(values, 0.50),
        "p95": percentile(values, 0.95),
        "max": values[-1][0],
    }


def percentile(values: Weighted, share: float) -> float:
    """Returns the smallest of the sorted values at or below which this share of the weight lies: a measured one."""
    wanted = share * sum(weight for _, weight in values)
    reached = 0.0
    for value, weight in values:
        reached += weight
        if reached >= wanted:
            return value
    return values[-1][0]


def _series_of(busy: Sequence[str], samples: Sequence[Sample], interval_seconds: float) -> dict[str, object]:
    """Returns the series of images that were ever busy."""
    while len(busy) * len(samples) > MOST_POINTS and len(samples) > 1:
        samples = thinned(samples)
    return {
        "at": [iso_time(sample.at) for sample in samples],
        "interval_seconds": to_four_digits(interval_seconds * max((sample.weight for sample in samples), default=1)),
        "images": {path: _columns(path, samples) for path in busy},
    }


def _columns(path: str, samples: Sequence[Sample]) -> dict[str, list[float | None]]:
    rows = [sample.figures(path) for sample in samples]
    return {name: [row[place] if row else None for row in rows] for place, name in enumerate(FIGURES)}


# Rounds


UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
MOST_LISTED = 1000
"""The images in the output of one round, busiest first; the others are only counted."""


def output_of(sample: Sample, paths: Sequence[str]) -> dict[str, object]:
    """Returns the sample of each image; if there are more than MOST_LISTED, `left_out` is how many are not listed."""
    listed = paths if len(paths) <= MOST_LISTED else sorted(paths, key=lambda path: _dullness(sample, path))
    output: dict[str, object] = {"images": {path: _image_sample(sample.figures(path)) for path in listed[:MOST_LISTED]}}
    left_out = len(paths) - MOST_LISTED
    return output if left_out <= 0 else {**output, "left_out": left_out}


def _dullness(sample: Sample, path: str) -> float:
    """Sorts busy images first, then unknown ones, then idle ones."""
    row = sample.figures(path)
    return -1 if row is None else -(row[0] + row[1]) * 1e6 - 2 if any(row) else 0


def _image_sample(row: Figures | None) -> dict[str, object]:
    figures = dict(zip(FIGURES, row, strict=True)) if row is not None else dict.fromkeys(FIGURES)
    return {"measured": row is not None, **figures}


def message_of(sample: Sample, paths: Sequence[str], number: int, of: int) -> str:
    """Returns `sample 12 of 60: 3 of 20 images busy, 412 writes/s, 30 reads/s, 25 MiB/s`."""
    sums = [sum(row[place] for row in sample.rows.values()) for place in range(len(FIGURES))]
    unknown = sum(sample.figures(path) is None for path in paths) if sample.full_pools else 0
    parts = [
        f"{len(sample.rows)} of {counted(len(paths), 'image')} busy",
        f"{sums[0]:,.0f} writes/s",
        f"{sums[1]:,.0f} reads/s",
        f"{in_bytes(sums[2] + sums[3])}/s",
        *([f"{unknown} not measured"] if unknown else []),
    ]
    return f"sample {number} of {of}: {', '.join(parts)}"


def in_bytes(count: float) -> str:
    """Returns `25 MiB`: powers of 1,024, three digits."""
    for unit in UNITS[:-1]:
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} {UNITS[-1]}"
