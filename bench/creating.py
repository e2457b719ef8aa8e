"""Goal 1: durable `POST taskqueue/test_task` over 32 connections, compared with a bare Tornado JSON POST."""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack

import uvloop

from bench.databases import Databases
from bench.figures import Row, in_turn, ratio
from bench.load import posts_a_second, seconds_of_each
from bench.service import API, serving, started

CONNECTIONS = 32
REQUESTS = 6400
REQUESTS_ALONE = 300
BODY = b'{"times": 1}'
WANTED = "≥ 0.80"


def measure(databases: Databases) -> list[Row]:
    """Tasks only wait here: what runs them would take the second core from the one that measures."""
    with ExitStack() as stack:
        bare = stack.enter_context(started([sys.executable, "-m", "bench.bare"]))
        settings = {"workers__count": 1, "test_task__round_seconds": 60}
        ours = stack.enter_context(serving(databases.empty("creating"), **settings))
        url, headers = f"http://{ours.program.place}{API}/taskqueue/test_task", ours.headers
        _rate(url, headers, CONNECTIONS, CONNECTIONS)
        rates = in_turn(
            lambda: _rate(url, headers, CONNECTIONS, REQUESTS), lambda: _rate(bare.address, {}, CONNECTIONS, REQUESTS)
        )
        alone = in_turn(lambda: _milliseconds(url, headers), lambda: _milliseconds(bare.address, {}))
    return [
        Row(
            "1",
            f"durable POSTs of a test task per second, {CONNECTIONS} connections ÷ bare Tornado JSON POST",
            f"{statistics.median(rates[0]):,.0f}/s",
            f"{statistics.median(rates[1]):,.0f}/s",
            ratio(*rates),
            WANTED,
        ),
        Row(
            "1b",
            "the same over one connection, median time of a POST",
            f"{statistics.median(alone[0]):.2f} ms",
            f"{statistics.median(alone[1]):.2f} ms",
            ratio(*alone),
        ),
    ]


def _rate(url: str, headers: dict[str, str], connections: int, requests: int) -> float:
    return uvloop.run(posts_a_second(url, BODY, headers, connections, requests))


def _milliseconds(url: str, headers: dict[str, str]) -> float:
    """Returns the median of one request after the other."""
    return statistics.median(uvloop.run(seconds_of_each(url, BODY, headers, REQUESTS_ALONE))) * 1000
