"""A job module as it was written for version 0.1.0, by what docs/jobs.md told then.

It stands for the modules of others, so it is never adapted: its imports, names and arguments stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ceph.choices import clusters, image_pools, images, pools
from ceph.clusters import Clusters
from ceph.pools import Fsid, PresentPool
from jobs.choices import Choice
from jobs.composition import Steps
from jobs.errors import InvalidInput
from jobs.registry import Locks, Pause, Provided, Registry, Round, job

log = logging.getLogger("written_before")


@job(description="Checking {count} files of {folder}", metadata={"folder": "{folder}"}, lock="folder:{folder}")
def check_files(folder: str, count: Annotated[int, Meta(ge=1, le=100_000)] = 100, *, done: int = 0) -> Iterator[Round]:
    """Checks files, one a round."""
    for number in range(done + 1, count + 1):
        yield Round(number, of=count, message=f"file {number}", output={"bytes": number}, checkpoint={"done": number})
    return count


@dataclass(frozen=True)
class Settings:
    greeting: str = "hello"


@job(
    description=lambda name: f"Greeting {name}",
    unique=True,
    rounds=lambda name: max(1, len(name)),
    expected_round_seconds=lambda name: 2.0 * len(name),
    round_timeout_seconds=60,
    memory_limit_mb=500,
    on_interrupt="fail",
)
def greet(name: str, *, settings: Settings) -> Iterator[Round | Pause]:
    """Has settings in config.ini, and limits of its own."""
    for letter in name:
        yield Pause(0.01)
        yield Round(message=letter, expected_seconds=1, locks=[f"letter {letter}"], if_aborted="others go on")
    log.warning("greeted %s", name)
    print("greeted", name)
    return f"{settings.greeting} {name}"


class Book(Provided):
    """Has numbers of pools."""

    async def look_up(self, pool: str) -> int:
        if pool == "gone":
            raise InvalidInput(errors={"pool": ["there is no pool gone"]})
        return len(pool)


async def find(pool: str, book: Book, earlier: Sequence[tuple[str, Mapping[str, object]]]) -> Mapping[str, object]:
    if ("check_files", {"folder": pool, "count": 1}) in earlier:
        return {}
    return {"number": await book.look_up(pool)}


def locks(pool: str, number: int | None, **_: object) -> Locks:
    return Locks((f"pool {pool}",)) if number is None else Locks((f"number {number}",), (f"pool {pool}",))


@job(description="Checking {pool}", lock=locks, prepare=find, prepared=("number",))
def check_pool(pool: str, number: int | None = None, *, book: Book) -> Iterator[Round]:
    """Has a parameter that is found out when a task is created."""
    yield Round(percent=100)
    return [number, type(book).__name__]


@job(description=lambda steps, registry: "; ".join(registry.describe(step.job, step.params) for step in steps))
def in_turn(steps: Steps, *, registry: Registry, finished: int = 0) -> Iterator[Round]:
    """Runs other jobs."""
    number = 0
    for step in steps[finished:]:
        for _ in registry.begin(step.job, step.params, None):
            number += 1
            yield Round(number)
    return number


async def folders() -> list[str]:
    return ["/srv/a", "/srv/b"]


def files(folder: str, book: Book) -> Iterator[Choice]:
    yield Choice(f"{folder}/one", name="one", detail="5 bytes")
    yield Choice(f"{folder}/two", name="two", detail=type(book).__name__)


Folder = Annotated[str, Meta(title="Folder", extra={"choices": folders})]
File = Annotated[str, Meta(pattern="^/srv/", extra={"choices": files, "words": "a file below /srv"})]


@job(description="Checking files of {folder}")
def check_chosen(folder: Folder, chosen: tuple[File, ...] = ()) -> Iterator[Round]:
    """Has choices."""
    yield Round(message=", ".join(chosen))


PoolOfImages = Annotated[str, Meta(extra={"choices": image_pools})]
Image = Annotated[str, Meta(extra={"choices": images})]
OtherPool = Annotated[str, Meta(extra={"choices": pools})]
OtherCluster = Annotated[str, Meta(extra={"choices": clusters})]


@job(
    description="Looking at pool {pool}",
    unavailable_because=lambda registry: "There is no moon." if registry.find("greet").name else None,
)
def look_at_pool(
    fsid: Fsid,
    pool: PresentPool,
    other: OtherCluster = "",
    next_pool: OtherPool = "",
    of_images: PoolOfImages = "",
    image: Image = "",
    *,
    clusters: Clusters,
) -> Iterator[Round]:
    """Is about Ceph."""
    yield Round()
