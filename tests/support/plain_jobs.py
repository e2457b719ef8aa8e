"""Jobs for tests of the queue: their rounds are played by a scripted engine."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

from msgspec import Meta

from jobs import Round, job


@job(description="Counting to {times}")
def plain(times: Annotated[int, Meta(ge=1)] = 5, *, done: int = 0) -> Generator[Round, None, int]:
    """Runs beside all others."""
    for number in range(done + 1, times + 1):
        yield Round(number, of=times, checkpoint={"done": number})
    return times


@job(description="Working on pool {pool}", metadata={"pool": "{pool}"}, lock="pool:{pool}")
def locked(pool: str, *, done: int = 0) -> Generator[Round, None, None]:
    """One after another for each pool."""
    yield Round(done + 1, checkpoint={"done": done + 1})


@job(description="Working near cluster {cluster}", needs="ceph:{cluster}")
def near(cluster: str = "main", *, done: int = 0) -> Generator[Round, None, None]:
    """Runs where its label is offered."""
    yield Round(done + 1, checkpoint={"done": done + 1})


@job(description="Looking at {what}", unique=True)
def only_one(what: str) -> Generator[Round, None, None]:
    """Never twice at a time for the same thing."""
    yield Round()


@job(description="Taking a minute a round", expected_round_seconds=60)
def slow() -> Generator[Round, None, None]:
    """Its rounds are long."""
    yield Round()


@job(description="Taking {seconds} s a round", expected_round_seconds=lambda seconds: seconds)
def as_slow_as(seconds: float) -> Generator[Round, None, None]:
    """Its rounds are as long as its parameter says."""
    yield Round()


@job(description="Never again", on_interrupt="fail")
def once() -> Generator[Round, None, None]:
    """Does not go on after an interruption."""
    yield Round()
