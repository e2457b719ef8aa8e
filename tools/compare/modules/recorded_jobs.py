"""Jobs for recorded walks. Their rounds wait for files, so that each walk sees the same rounds in the same order.

The recorder names this module in `[jobs] modules`. It imports only what docs/jobs.md tells authors of jobs to import.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from jobs.choices import Choice
from jobs.registry import Pause, Round, job

GATES = Path(os.environ.get("HOURGLASS_WALK_GATES", "."))
LOOK_SECONDS = 0.02

log = logging.getLogger("recorded_jobs")


def is_open(gate: str) -> bool:
    return (GATES / gate).exists()


@job(
    description="Walking {steps} steps of {name}",
    metadata={"walk": "{name}", "steps": "{steps}"},
    lock="walk:{name}",
    rounds="{steps}",
    expected_round_seconds=3600,  # it is never stalled, however long somebody looks
)
def walk(name: str, steps: Annotated[int, Meta(ge=1, le=1000)] = 3, *, done: int = 0) -> Iterator[Round | Pause]:
    """Walks step by step; the file NAME.NUMBER opens the way to a step."""
    for number in range(done + 1, steps + 1):
        while not is_open(f"{name}.{number}"):
            yield Pause(LOOK_SECONDS)
        yield Round(number, message=f"step {number}", output={"step": number}, checkpoint={"done": number})
    return {"name": name, "steps": steps}


@job(description="Walking {name} without a stop")
def deaf(name: str) -> Iterator[Round]:
    """Hears an abort only at the end of its rounds."""
    for number in (1, 2):
        while not is_open(f"{name}.{number}"):
            time.sleep(LOOK_SECONDS)
        yield Round(number, of=2, message=f"deaf step {number}", if_aborted="the echo goes on by itself")
    return name


@job(description="Stumbling over {stone}")
def stumble(stone: str) -> Iterator[Round]:
    """Fails in its second round."""
    yield Round(message="one step")
    log.warning("there lies %s", stone)
    print("printed before", stone)
    raise ValueError(f"stumbled over {stone}")


@job(description="Dying in step {step}")
def die(step: Annotated[int, Meta(ge=1, le=9)] = 1, *, done: int = 0) -> Iterator[Round]:
    """Kills its own worker, again and again."""
    yield Round(done + 1, message="alive", checkpoint={"done": done + 1})
    os.kill(os.getpid(), signal.SIGKILL)


@job(description="Never again", on_interrupt="fail")
def once(name: str) -> Iterator[Round]:
    """Does not go on after an interruption."""
    while not is_open(f"{name}.1"):
        time.sleep(LOOK_SECONDS)
    yield Round(message="once")


@job(description="Looking at {what}", unique=True, lock="look")
def look(what: str) -> Iterator[Round]:
    """Never twice at a time for the same thing."""
    while not is_open(f"look-{what}"):
        time.sleep(LOOK_SECONDS)
    yield Round(message="looked", output=[what, None, 1.5, True, {"deep": [1, 2]}])
    return None


@job(description="Returning {kilobytes} kB")
def returns(kilobytes: Annotated[int, Meta(ge=1, le=12_000)]) -> Iterator[Round]:
    """Returns so much text."""
    yield Round(of=1)
    return "x" * (kilobytes * 1000)


@job(description="Saying what cannot be said: {kind}")
def misbehave(kind: Literal["message", "output", "nan", "result"]) -> Iterator[Round]:
    """Breaks a limit."""
    if kind == "message":
        yield Round(message="m" * 1001)
    if kind == "output":
        yield Round(output="o" * (1024 * 1024 + 1))
    if kind == "nan":
        yield Round(output=float("nan"))
    yield Round()
    return "r" * (10 * 1024 * 1024 + 1)


def houses() -> list[Choice]:
    names = {"h-1": "Lindenhof", "h-2": "Am Markt", "h-3": "Old mill"}
    return [Choice(value, name, f"house {value}") for value, name in names.items()]


def rooms(house: str) -> list[Choice]:
    if house == "broken":
        raise ZeroDivisionError("no floor")
    return [Choice(f"{house}:{number}", f"room {number}") for number in range(1, 121)]


class Address(Struct, forbid_unknown_fields=True):
    """Where somebody lives."""

    street: str
    number: Annotated[int, Meta(ge=1)] = 1


@job(description="Filling in a form for {text}")
def form(
    text: Annotated[str, Meta(min_length=1, max_length=40, title="Text", description="Any text", examples=["rbd"])],
    flag: bool = False,
    count: Annotated[int, Meta(ge=0, le=100, multiple_of=5)] = 10,
    ratio: Annotated[float, Meta(gt=0, lt=1)] = 0.5,
    colour: Literal["red", "green"] = "red",
    optional: int | None = None,
    names: Annotated[tuple[str, ...], Meta(max_length=3)] = (),
    sizes: dict[str, int] = {},  # noqa: B006  a worker calls it once
    address: Address | None = None,
    code: Annotated[str, Meta(pattern="^[a-z]{2,4}$", extra={"words": "two to four small letters"})] = "ab",
    house: Annotated[str, Meta(title="House", extra={"choices": houses})] = "",
    room: Annotated[str, Meta(extra={"choices": rooms})] = "",
) -> Iterator[Round]:
    """Has a parameter of every kind."""
    yield Round(message="filled in")
    return text
