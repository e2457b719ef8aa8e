"""The settings of worker processes: section [workers] of config.ini."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0, le=604_800)]


@dataclass(frozen=True)
class PoolSettings:
    """How many workers there are, and their limits; 0 is no limit."""

    count: Annotated[int, Meta(ge=1, le=256)] = 2
    round_timeout_seconds: Seconds = 0
    memory_limit_mb: Annotated[int, Meta(ge=0, le=16_777_216)] = 0
    tasks_per_worker: Annotated[int, Meta(ge=0, le=1_000_000)] = 1000
    max_worker_deaths: Annotated[int, Meta(ge=0, le=1000)] = 3
