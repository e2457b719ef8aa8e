"""A job that measures RBD images: their sizes, then samples of reads, writes and latencies."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated

from msgspec import Meta
from msgspec.json import encode

from ceph import choices
from ceph.clusters import Clusters, why_unavailable
from ceph.jobs.measuring import Measuring
from ceph.pools import Fsid
from jobs import Pause, Round, job
from jobs.text import counted

MOST_NAMES_BYTES = 6000
"""The limit for the pools in metadata, and again for the images: 16 KiB are allowed in all."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Path = Annotated[
    str,
    Meta(
        pattern=r"^[^/]+(/[^/]+){1,2}$",
        max_length=1000,
        extra={
            "words": "an image of a pool, like rbd/disk1, or of a namespace, like rbd/team/disk1 "
            "(within a name, / is written as %2F and % as %25)"
        },
    ),
]


@dataclass(frozen=True)
class Settings:
    image_timeout_seconds: Annotated[float, Meta(ge=1, le=3600)] = 30.0


def describe(pools: Sequence[str], images: Sequence[str], **_: object) -> str:
    parts = [_named(pools, "pool"), _named(images, "image")]
    return f"Getting RBD performance data of {' and '.join(filter(None, parts)) or 'all images'}"


def _named(names: Sequence[str], noun: str) -> str:
    return f"{noun} {names[0]}" if len(names) == 1 else counted(len(names), noun) if names else ""


def metadata(fsid: str, pools: Sequence[str], images: Sequence[str], **_: object) -> dict[str, object]:
    """Names the pools and images, only the first of very many: metadata is limited, and the parameters name all."""
    names = {"pools": _first(pools), "images": _first(images)}
    left_out = len(pools) + len(images) - sum(map(len, names.values()))
    return {"fsid": fsid, **names, **({"and_more": left_out} if left_out else {})}


def _first(names: Sequence[str]) -> list[str]:
    """Returns as many of the first names as fit into metadata as JSON."""
    sizes = accumulate(len(encode(name)) + 1 for name in names)
    return [name for name, size in zip(names, sizes, strict=True) if size <= MOST_NAMES_BYTES]


def expected_round_seconds(interval_seconds: float, **_: object) -> float:
    """Allows for the time limits, which a silent cluster or an image that hangs takes up."""
    return max(30.0, interval_seconds)


@job(
    description=describe,
    metadata=metadata,
    unavailable_because=why_unavailable,
    expected_round_seconds=expected_round_seconds,
)
def rbd_performance(
    fsid: Fsid,
    pools: Annotated[tuple[Name, ...], Meta(extra={"choices": choices.image_pools})] = (),
    images: Annotated[tuple[Path, ...], Meta(extra={"choices": choices.images})] = (),
    seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0,
    interval_seconds: Annotated[float, Meta(ge=1, le=60)] = 1.0,
    *,
    sizes: str = "",
    sampled: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
    rounds: int = 0,
    others: str = "",
    settings: Settings,
    clusters: Clusters,
) -> Generator[Round | Pause, None, dict[str, object]]:
    """Gets sizes, reads, writes and latencies of RBD images.

    Measures the images of some pools, some images, or all. It takes at most 720 samples: if the interval would make
    more, it is longer. The checkpoint is what was found in `rounds` rounds: `sizes`, `sampled`, the images that were
    `removed`, and in `others` what cannot be read and what else `ceph.images.findings.Findings` knows.
    """
    measuring = Measuring(
        lambda: clusters.connect(fsid),
        pools,
        images,
        seconds,
        interval_seconds,
        settings.image_timeout_seconds,
        clusters.query_budget(fsid),
    )
    measuring.found.restore(sizes, sampled, removed, rounds, others)
    try:
        return (yield from measuring.rounds())
    finally:
        measuring.disconnect()
