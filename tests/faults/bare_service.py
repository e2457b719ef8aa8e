"""Everything of the service but HTTP, as a program of its own that tests can kill: it submits, and serves its tasks.

    python -m tests.faults.bare_service DATA_DIR JOBS_MODULE SUBMISSIONS_AS_JSON [OPTION…]

Prints `ready` when all submissions are on disk, and `idle` each time nothing is pending.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys

from config import load_config
from jobs.definition.submission import Submission
from service import load_jobs, open_stores, open_tasks


async def serve(data_dir: str, module: str, submissions: list, options: list[str]) -> None:
    config = load_config([f"--data-dir={data_dir}", "--set", f"jobs.modules={module}", *options])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        stores = await open_stores(config, stack)
        tasks = await open_tasks(config, stack, load_jobs(config), stores)
        await asyncio.gather(
            *(tasks.queue.submit(Submission(job=job, params=params), "ann") for job, params in submissions)
        )
        print("ready", flush=True)
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            head = await tasks.store.head()
            if not head.counts["Not Started"] + head.counts["Running"]:
                print("idle", flush=True)
            news = asyncio.create_task(tasks.feed.wait_beyond(head.revision, 60))
            await asyncio.wait([news, stopping], return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
        tasks.feed.announce_stop()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]))
