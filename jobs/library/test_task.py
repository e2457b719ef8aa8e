"""A job that only counts: for trying out the service, and for tests."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from jobs import Round, job
from jobs.text import counted


@dataclass(frozen=True)
class Settings:
    round_seconds: Annotated[float, Meta(ge=0, le=3600)] = 1.0


def describe(times: int) -> str:
    return f"Test task of {counted(times, 'round')}"


@job(description=describe, rounds="{times}")
def test_task(
    times: Annotated[int, Meta(ge=1, le=1_000_000)],
    *,
    done: int = 0,  # noqa: PT028 - its name makes ruff take it for a test
    settings: Settings,
) -> Generator[Round, None, int]:
    """Counts to a number, one a round; an interrupted count resumes after `done`."""
    for number in range(done + 1, times + 1):
        time.sleep(settings.round_seconds)
        yield Round(number, of=times, message=f"counted to {number}", checkpoint={"done": number})
    return times
