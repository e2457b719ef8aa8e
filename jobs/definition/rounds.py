"""What a job yields: rounds, and pauses between them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import cast

from msgspec import Struct

from jobs.definition.expected import shown
from jobs.model.task import LARGEST_NUMBER, LONGEST_EXPECTED_SECONDS


class _Numbered(Struct, frozen=True):
    number: int | None = None


class Round(_Numbered, frozen=True, kw_only=True):
    """What a job yields after each round.

    `number` starts at 1 and defaults to the previous number plus one; `of` is the expected total; `percent` is derived
    from both unless given. `message` is for people, `output` is stored with the round, and `checkpoint` holds the
    keyword arguments to resume with after this round. `if_aborted` completes the outcome of a task aborted after this
    round by saying what continues without it, e.g. `the cluster goes on by itself`. `expected_seconds` is how long the
    next round should take, if that differs from `@job(expected_round_seconds=…)`. `locks` are locks that the task holds
    from now on besides those of `@job(lock=…)`: for what it has created, or found by name.
    """

    of: int | None = None
    percent: int | None = None
    message: str = ""
    output: object = None
    checkpoint: Mapping[str, object] | None = None
    if_aborted: str = ""
    expected_seconds: float | None = None
    locks: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Checks the fields here, while the mistake is still in the traceback of the job."""
        _expect_whole("number", self.number, 1)
        _expect_whole("of", self.of, 1)
        _expect_whole("percent", self.percent, 0, 100)
        _expect_text("message", self.message)
        _expect_text("if_aborted", self.if_aborted)
        expect_seconds("expected_seconds of a Round", self.expected_seconds)
        if isinstance(self.locks, str) or not all(isinstance(lock, str) and lock for lock in self.locks):
            raise TypeError(f"the locks of a Round must be texts, not {shown(self.locks)}")
        if not isinstance(self.checkpoint, Mapping | None):
            raise TypeError(f"the checkpoint of a Round must be a mapping, not {shown(self.checkpoint)}")


class Pause(Struct, frozen=True):
    """What a job yields to wait for some seconds or, with 0, only to let itself be stopped.

    It is not a round. An abort, or the end of the server, ends it and the task at once.
    """

    seconds: float = 0

    def __post_init__(self) -> None:
        """Checks the seconds here, while the mistake is still in the traceback of the job."""
        if expect_seconds("seconds of a Pause", self.seconds) is None:
            raise TypeError("seconds of a Pause must be a number, not None")


Rounds = Generator[Round | Pause, None, object]
"""A job that runs."""


def expect_seconds(what: str, value: object) -> float | None:
    """Returns the seconds that a round may be expected to take, or None. Raises TypeError for anything else."""
    if value is None or (type(value) in (int, float) and 0 <= value <= LONGEST_EXPECTED_SECONDS):  # type: ignore[operator]
        return cast(float | None, value)
    raise TypeError(f"{what} must be a number from 0 to {LONGEST_EXPECTED_SECONDS}, or None, not {shown(value)}")


def _expect_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"the {name} of a Round must be text, not {shown(value)}")


def _expect_whole(name: str, value: object, least: int, most: int = LARGEST_NUMBER) -> None:
    if value is not None and not (type(value) is int and least <= value <= most):
        raise TypeError(f"{name} of a Round must be a whole number from {least} to {most}, or None, not {shown(value)}")
