"""A job that pauses, for tests: it waits for an hour and is to be stopped at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jobs import Pause, Round, job


@job(description="Pausing for {seconds} s")
def pauses(seconds: float = 3600, ended_path: str = "") -> Iterator[Round | Pause]:
    """Pauses between two rounds; says in a file when it is closed."""
    try:
        yield Pause(0.01)
        yield Round(message="before the pause")
        yield Pause(seconds)
        yield Round(message="after the pause")
    finally:
        if ended_path:
            Path(ended_path).write_text("closed")
