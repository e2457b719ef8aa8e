"""A job that does what a test tells it, so that real workers can be made to do things on cue."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from jobs import Round, job


@job(description="Doing what is written to {path}")
def obedient(path: str, *, done: int = 0) -> Iterator[Round]:
    """Reads a command from a FIFO for each round: round, finish, fail, or die."""
    with open(path) as commands:
        for command in map(str.strip, commands):
            match command:
                case "round":
                    done += 1
                    yield Round(done, message=f"round {done}", checkpoint={"done": done})
                case "finish":
                    return "done"
                case "fail":
                    raise ValueError("no such pool")
                case "die":
                    os.kill(os.getpid(), signal.SIGKILL)
