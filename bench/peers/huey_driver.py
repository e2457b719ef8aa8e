"""Enqueues and waits for results. Each line of input is a command, each line of output its result in JSON.

`end_to_end COUNT`: seconds from the first enqueued to the last result read.
`latency`: seconds from enqueueing one task to its start, and to its result read.
"""

from __future__ import annotations

import json
import sys
import time

from huey_tasks import noop


def end_to_end(count: str) -> list[float]:
    began = time.perf_counter()
    results = [noop() for _ in range(int(count))]
    for result in results:
        result.get(blocking=True)
    return [time.perf_counter() - began]


def latency() -> list[float]:
    began = time.time_ns()
    started = noop().get(blocking=True)
    ended = time.time_ns()
    return [(started - began) / 1e9, (ended - began) / 1e9]


ORDERS = {"end_to_end": end_to_end, "latency": latency}


def main() -> None:
    for line in sys.stdin:
        order, *values = line.split()
        print(json.dumps(ORDERS[order](*values)), flush=True)


if __name__ == "__main__":
    main()
