"""What outlives a request does not log in its name, even while the request is still being answered."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from types import SimpleNamespace

from logs import JsonFormatter, Request, current_request
from storage.sqlite.opening import open_database
from tests.support.house import House


class Lines(logging.Handler):
    """Keeps what is logged as it would be written."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.setFormatter(JsonFormatter())

    def emit(self, record):
        self.lines.append(json.loads(self.format(record)))

    def request_of(self, message):
        (line,) = [line for line in self.lines if line["message"].startswith(message)]
        return line.get("request")


@contextmanager
def lines_of(name):
    logger, handler = logging.getLogger(name), Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


async def test_a_task_is_created_in_the_name_of_a_request_and_starts_in_none():
    current_request.set(Request("ab12"))
    with lines_of("hourglass.queue") as kept:
        task = await House().submit()

    assert kept.request_of(f"task {task}: created") == "ab12"
    assert kept.request_of(f"task {task}: started") is None


async def test_a_commit_for_many_is_in_the_name_of_none(tmp_path):
    def broken(_):
        raise RuntimeError("nobody listens")

    listener = SimpleNamespace(before_commit=lambda _: None, after_commit=broken)

    with lines_of("hourglass.storage") as kept:
        database = await open_database(tmp_path)
        database.report_to(listener)
        current_request.set(Request("ab12"))
        await database.try_to_write()
        await database.close()

    assert kept.request_of("a defect in the listener") is None
