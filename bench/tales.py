"""Generates tasks and their histories: a mix of jobs, users, words and outcomes, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

from msgspec import Struct

from jobs.clock import DAY_MS
from jobs.model import lifecycle
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import RoundRecord
from jobs.store import Draft

SPAN_MS = 90 * DAY_MS
COMMON_WORD = "pool"
RARE_WORD = "okapi"
ABSENT_WORD = "quagga"
RARE_TASKS = 10
"""So many descriptions bear RARE_WORD, however many there are; about half bear COMMON_WORD, and none ABSENT_WORD."""

PEOPLE = ("admin", "ann", "bob", "carol", None)
SHARE_WITH_ROUNDS = 0.1
MOST_ROUNDS = 8


class Tale(Struct, frozen=True):
    """A task as it was asked for, and what happened to it, step by step."""

    draft: Draft
    steps: tuple[TaskUpdate, ...]


class _Times(Struct, frozen=True):
    """Milliseconds since 1970."""

    created: int
    started: int
    ended: int


def tales(count: int, seed: int, until: int) -> Iterator[Tale]:
    """Yields `count` tasks, one after another over 90 days, the last of them ended before `until` (milliseconds)."""
    chance = random.Random(seed)
    pause = SPAN_MS // count
    for number in range(count):
        created = until - SPAN_MS + number * pause
        is_rare = number % max(1, count // RARE_TASKS) == 0
        yield _tale(chance, _times(chance, created, pause), f" for {RARE_WORD}" if is_rare else "")


def _times(chance: random.Random, created: int, pause: int) -> _Times:
    """Yields when tasks start and end: most are short, some are long; each is over before the next one starts."""
    started = created + 1 + int(chance.random() * pause * 0.1)
    return _Times(created, started, started + int(chance.random() ** 4 * pause * 0.8))


def _tale(chance: random.Random, times: _Times, addition: str) -> Tale:
    job, params, description = chance.choice(_JOBS)(chance)
    draft = Draft(
        job=job,
        params=json.dumps(params, separators=(",", ":")),
        description=description + addition,
        created=times.created,
        priority=chance.randrange(-1, 2),
        created_by=chance.choice(PEOPLE),
    )
    return Tale(draft, _steps(chance, times))


Made = tuple[str, dict[str, object], str]


def _test_task(chance: random.Random) -> Made:
    times = chance.randrange(2, 100)
    return "test_task", {"times": times}, f"Test task of {times} rounds"


def _growth(chance: random.Random) -> Made:
    pool, number = f"data{chance.randrange(200)}", 2 ** chance.randrange(3, 11)
    return "grow_pool", {"pool": pool, "pg_num": number}, f"Setting number of PGs of pool {pool} to {number}"


def _performance(chance: random.Random) -> Made:
    pool, image = f"data{chance.randrange(200)}", f"disk{chance.randrange(5000)}"
    return "watch_image", {"images": [image]}, f"Getting performance of image {image} in pool {pool}"


def _report(chance: random.Random) -> Made:
    customer = f"customer{chance.randrange(20_000)}"
    return "report", {"customer": customer}, f"Writing the nightly report of {customer}"


_JOBS: tuple[Callable[[random.Random], Made], ...] = (_test_task, _growth, _performance, _report)
"""None but test_task is the name of a job that ships: results of those are read for more than the page."""


def _steps(chance: random.Random, times: _Times) -> tuple[TaskUpdate, ...]:
    """Returns the updates of a task: nine in ten finish; every second aborted one has not begun."""
    ending = chance.random()
    if ending < 0.02:
        return (lifecycle.aborted("ann", times.started),)
    begin = (lifecycle.taken(times.started), *_rounds(chance, times))
    if ending < 0.04:
        return (*begin, lifecycle.aborted("bob", times.ended), lifecycle.stopped(times.ended))
    if ending < 0.10:
        error = lifecycle.error_text("ValueError", "no such pool", "Traceback (most recent call last): …")
        return (*begin, lifecycle.raised(error, times.ended))
    return (*begin, lifecycle.returned(str(chance.randrange(1000)), times.ended))


def _rounds(chance: random.Random, times: _Times) -> tuple[TaskUpdate, ...]:
    """Returns the rounds of a task, all reported at once, as short ones are."""
    if chance.random() >= SHARE_WITH_ROUNDS:
        return ()
    of = chance.randrange(1, MOST_ROUNDS + 1)
    done = chance.randrange(1, of + 1)
    seconds = (times.ended - times.started) / 1000 / of
    rounds = [
        RoundRecord(
            number=number, at=times.ended, seconds=seconds, percent=number * 100 // of, of=of, message=f"round {number}"
        )
        for number in range(1, done + 1)
    ]
    return (lifecycle.reported(rounds, times.ended),)
