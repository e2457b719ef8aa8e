"""Jobs that do to Python's logging what code of others does: when their module is imported, and while they run."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from jobs import Round, job

log = logging.getLogger("a.job")
CONFIG = {"version": 1, "disable_existing_loggers": True, "root": {"level": "CRITICAL", "handlers": []}}


def silence(*names: str) -> None:
    """Silences everything that can be, and the loggers of these names in each way."""
    logging.config.dictConfig(CONFIG)
    logging.basicConfig(force=True, level=logging.CRITICAL, handlers=[logging.NullHandler()])
    logging.disable(logging.CRITICAL)
    for name in ("hourglass", "hourglass.worker", "hourglass.queue", "tornado.general", "asyncio", *names):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL)
        logger.disabled = True
        logger.propagate = False
        logger.addFilter(lambda _record: False)
    logging.setLogRecordFactory(lambda *_args, **_kwargs: None)


EARLY = ThreadPoolExecutor(1)
EARLY.submit(time.time).result()  # its thread is there before any task
silence()


def describe() -> str:
    """Silences the server, which asks for the description of each task."""
    silence()
    return "Silencing the log"


@job(description=describe)
def silences() -> Iterator[Round]:
    """Leaves it silent behind, and fails to clean up, which its worker logs."""
    silence(log.name)
    log.error("nobody reads this")
    try:
        yield 5
    finally:
        raise RuntimeError("the door is stuck")


@job(description="Logging {text}")
def logs_in_threads(text: str) -> Iterator[Round]:
    """Logs from the main thread, from a new one, from one that was there before, and from asyncio's."""
    log.info("%s main", text)
    thread = threading.Thread(target=log.info, args=("%s new", text))
    thread.start()
    thread.join()
    EARLY.submit(log.info, "%s early", text).result()
    asyncio.run(asyncio.to_thread(log.info, "%s asyncio", text))
    yield Round(1)
