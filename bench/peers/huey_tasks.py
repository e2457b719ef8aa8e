"""Huey on Redis with a task that does nothing. Imported by its consumer and by `huey_driver.py`, in `.venv-peers`."""

from __future__ import annotations

import os
import time

from huey import RedisHuey

# As shipped Huey looks for a result 20 times a second or less; notified, it need not look: its best documented way.
huey = RedisHuey("bench", url=f"unix://{os.environ['BENCH_REDIS']}", notify_result=os.environ["BENCH_NOTIFY"] == "yes")


@huey.task()
def noop() -> int:
    """Returns when it began, in nanoseconds since 1970."""
    return time.time_ns()
