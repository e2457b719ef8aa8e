"""Jobs that do as little as possible, to measure the overhead of a task. `--set jobs.modules=bench.jobs` loads them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Generator, Iterator
from typing import Annotated

from msgspec import Meta

from jobs import Round, job


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


@job(description="Looking {times} times at what a task may have left")
def looks(times: Annotated[int, Meta(ge=1, le=100_000)]) -> Generator[Round, None, float]:
    """Returns how long one look takes, in microseconds."""
    from jobs.engines.local.surroundings import Surroundings
    from logs import LoggingState

    surroundings, logging_state, taken = Surroundings(), LoggingState(), []
    for _ in range(times):
        began = time.perf_counter()
        logging_state.restore()
        left = surroundings.restore()
        taken.append(time.perf_counter() - began)
        assert not left, left
    surroundings.close()
    yield Round()
    return 1_000_000 * statistics.median(taken)
