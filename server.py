"""Hourglass: background tasks you can watch.

Nothing is imported up here that a worker does not need: spawned, it imports this file again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Sequence
    from contextlib import AsyncExitStack

    from config import Config
    from handlers.services import Tasks

VERSION = "0.1.0"


def main(argv: Sequence[str]) -> int:
    """The exit code: 0 after a stop in good order, 2 where the start was refused in one sentence."""
    from jobs.errors import ConfigError, StartError

    try:
        return _serve(argv)
    except (ConfigError, StartError) as error:
        print(error, file=sys.stderr, flush=True)
        return 2


def _serve(argv: Sequence[str]) -> int:
    import asyncio
    import logging

    from config import load_config

    config = load_config(argv)
    logging.basicConfig(
        level=config.log.level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(config))
    return 0


def _loop_factory() -> Callable[[], AbstractEventLoop]:
    """uvloop where it is to be had."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def open_tasks(config: Config, stack: AsyncExitStack) -> Tasks:
    """Opens what tasks need, in order; the stack closes it in reverse. Raises ConfigError, StartError."""
    from handlers.services import Tasks
    from jobs.feed import Feed
    from jobs.pool import WorkerPool
    from jobs.queue import TaskQueue
    from jobs.registry import load_registry
    from jobs.worker import WorkerSettings
    from storage.database import open_database
    from storage.locks import server_lock, wait_for_old_workers, workers_lock_path
    from storage.sqlite import SqliteStore

    registry = config.configure(load_registry(config.modules))
    data_dir = config.storage.data_dir
    stack.enter_context(server_lock(data_dir))
    wait_for_old_workers(data_dir, lambda text: print(text, file=sys.stderr, flush=True))
    database = await open_database(data_dir)
    stack.push_async_callback(database.close)
    store = SqliteStore(database)
    pool = WorkerPool(
        WorkerSettings(
            lock_path=str(workers_lock_path(data_dir)),
            modules=config.modules,
            sections=config.job_sections,
            memory_limit_mb=config.workers.memory_limit_mb,
        ),
        count=config.workers.count,
        round_timeout_seconds=lambda name: _round_timeout(registry.job(name).round_timeout_seconds, config),
        tasks_per_worker=config.workers.tasks_per_worker,
    )
    queue = TaskQueue(store, pool, registry, config.workers.max_worker_deaths)
    feed = Feed(store, queue.derived, VERSION)
    queue.on_final = feed.task_is_final
    await feed.start()
    stack.push_async_callback(feed.stop)
    await pool.start()
    stack.push_async_callback(queue.stop, config.server.grace_seconds)
    await queue.recover()
    return Tasks(database=database, store=store, queue=queue, feed=feed, registry=registry)


def _round_timeout(of_job: float | None, config: Config) -> float:
    return config.workers.round_timeout_seconds if of_job is None else of_job


async def _run(config: Config) -> None:
    """Runs the tasks that the database holds, until SIGTERM or SIGINT. REST, sign-in and page do not exist yet."""
    import asyncio
    import signal
    from contextlib import AsyncExitStack

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        tasks = await open_tasks(config, stack)
        print("Hourglass runs its tasks. It does not listen yet: REST and page follow.", file=sys.stderr, flush=True)
        await stop.wait()
        tasks.feed.announce_stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
