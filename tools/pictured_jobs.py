"""Jobs for pictures of the page: they go fast up to some round, and then slowly, so that there is time to look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from jobs import Round, job

QUICK_SECONDS = 0.005
SLOW_SECONDS = 1.0

Rounds = Annotated[int, Meta(ge=1, le=100_000)]
PoolName = Annotated[str, Meta(min_length=1, max_length=100, examples=["rbd"])]


def counted(of: int, quick: int, message: str) -> Iterator[Round]:
    """So many rounds, of which the first `quick` take no time to speak of."""
    for number in range(1, of + 1):
        time.sleep(QUICK_SECONDS if number <= quick else SLOW_SECONDS)
        yield Round(number, of=of, message=message.format(number=number))


@job(description="Moving {objects} objects to pool {pool}", rounds="{objects}", metadata={"pool": "{pool}"})
def fill_pool(pool: PoolName, objects: Rounds) -> Iterator[Round]:
    """Moves so many objects to a pool, one after another."""
    yield from counted(objects, objects * 62 // 100, "data is moving")
    return objects


@job(description="Copying image {image} to pool {pool}", rounds="{megabytes}", lock="image:{image}")
def copy_image(image: str, pool: PoolName, megabytes: Rounds = 1500) -> Iterator[Round]:
    """Copies an image to another pool, megabyte by megabyte."""
    yield from counted(megabytes, megabytes * 31 // 100, "211 MB a second")
    return megabytes


@job(description="Checking all objects of pool {pool}", rounds="{objects}")
def check_objects(pool: PoolName, objects: Rounds = 4000) -> Iterator[Round]:
    """Reads all objects of a pool, and compares their checksums."""
    yield from counted(objects, objects * 84 // 100, "no object differs so far")
    return objects


@job(description="Writing the nightly report of {customer}")
def nightly_report(customer: str, pages: Rounds = 12) -> Iterator[Round]:
    """Writes a report, page by page."""
    for number, page in enumerate(counted(pages, pages, "wrote page {number}"), 1):
        if number == pages // 2 and customer.endswith("?"):
            raise ValueError(f"expected the name of a customer, got {customer}")
        yield replace(page, output={"lines": 120 + 7 * number, "charts": number % 3})
    return {"customer": customer, "pages": pages, "warnings": []}
