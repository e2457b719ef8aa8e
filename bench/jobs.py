"""Jobs that do as little as can be: what they take is what a task takes. Named by `--set jobs.modules=bench.jobs`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from jobs.registry import Round, job


@job(description="Nothing")
def noop() -> Iterator[Round]:
    """Ends at once, without a round."""
    yield from ()


@job(description="Counting to {rounds}, one each {round_seconds} s", rounds="{rounds}")
def ticks(rounds: Annotated[int, Meta(ge=1)], round_seconds: Annotated[float, Meta(ge=0, le=60)]) -> Iterator[Round]:
    """Rounds that take so long, and nothing else."""
    for number in range(1, rounds + 1):
        time.sleep(round_seconds)
        yield Round(number, of=rounds, message=f"counted to {number}")
