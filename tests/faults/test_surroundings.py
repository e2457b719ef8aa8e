"""A worker is before each task as it was before the first one, or it is replaced."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tests.faults.leaving_jobs import CHANGES
from tests.faults.support import a_pool, order

MODULES = ("tests.faults.misbehaving_jobs", "tests.faults.leaving_jobs")


async def test_what_a_task_changes_in_its_worker_is_put_back(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pid = pool.workers()[0].pid
        pool.start_task(order(1, "looks"))
        before = json.loads((await told.end_of(1)).result)
        for number, what in enumerate(CHANGES, 1):
            pool.start_task(order(10 * number, "changes", what=what))
            ended = await told.end_of(10 * number)
            assert (ended.how, ended.left) == ("returned", ""), what
            pool.start_task(order(10 * number + 1, "looks"))
            assert json.loads((await told.end_of(10 * number + 1)).result) == before, what
        assert pool.workers()[0].pid == pid


async def test_what_a_task_leaves_behind_replaces_its_worker_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobs.pool")
    cases = {
        "descriptor": "1 descriptor (/dev/null)",
        "descriptor above a gap": "1 descriptor (/dev/null)",
        "closed stream": "other streams",
        "thread": "1 thread (pump)",
        "child": "a child process",
        "zombie": "a child process",
        "privileges": "other privileges",
        "standard error": "a descriptor of the worker's own that refers to another file",
        "the lock's place": "a descriptor of the worker's own that refers to another file",
    }
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        for number, (what, words) in enumerate(cases.items(), 1):
            await told.until(lambda: pool.free_workers)
            pid = pool.workers()[0].pid
            pool.start_task(order(number, "leaves", what=what, fails=number % 2 == 0))
            ended = await told.end_of(number)
            assert (ended.how, ended.left) == ("raised" if number % 2 == 0 else "returned", words), what
            assert pool.workers()[0].state == "ending"
            assert caplog.messages[-1] == f"Worker {pid} is replaced: its task left behind {words}"
        assert told.free_at_end == [0] * len(cases), "no task begins in a worker that is not as it was"
        assert not told.deaths


async def test_a_closed_descriptor_of_the_worker_is_noticed(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "leaves", what="closed descriptor"))
        assert (await told.end_of(1)).left == "1 descriptor closed that the task had not opened"


async def test_what_goes_by_itself_costs_no_worker(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "leaves_what_goes"))
        assert (await told.end_of(1)).left == ""
