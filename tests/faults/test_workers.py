"""What the pool and its workers promise, with real processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.definition.composition import limits_of
from jobs.definition.loading import load_registry
from jobs.definition.registry import RunLimits
from jobs.engines.local import pool as pool_module
from jobs.engines.local.server_pipe import LONG_ROUND_SECONDS
from tests.faults.support import (
    MODULES,
    ROOT,
    a_pool,
    a_starting_pool,
    assert_next_runs,
    error_of,
    lines_of,
    order,
    state_of,
)
from tests.support.made import NEVER

# Tasks that go well


async def test_rounds_and_result_are_reported_in_order(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "counts", times=4))
        ended = await told.end_of(1)
        assert (ended.how, ended.result, ended.error) == ("returned", "4", None)
        rounds = told.rounds_of(1)
        assert [done.number for done in rounds] == [1, 2, 3, 4]
        assert [done.percent for done in rounds] == [25, 50, 75, 100]
        assert [done.message for done in rounds] == [f"counted to {number}" for number in (1, 2, 3, 4)]
        assert [done.checkpoint for done in rounds] == [f'{{"done":{number}}}' for number in (1, 2, 3, 4)]
        assert rounds == sorted(rounds, key=lambda done: done.at)


async def test_a_task_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "counts", checkpoint={"done": 2}, after_round=2, times=4))
        await told.end_of(1)
        assert told.numbers_of(1) == [3, 4]


async def test_several_workers_run_several_tasks_and_a_busy_pool_refuses_more(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with a_pool(tmp_path, count=2) as (pool, told):
        pool.start_task(order(1, "waits", times=2, in_round=1, until=str(go)))
        pool.start_task(order(2, "waits", times=2, in_round=1, until=str(go)))
        assert pool.free_workers == 0
        with pytest.raises(LookupError):
            pool.start_task(order(3, "counts", times=1))
        go.touch()
        assert {(await told.end_of(task)).how for task in (1, 2)} == {"returned"}


async def test_workers_are_seen_as_they_are(tmp_path: Path) -> None:
    began = tmp_path / "began"
    async with a_pool(tmp_path, count=2) as (pool, _told):
        pool.start_task(order(7, "waits", times=1, in_round=1, until=NEVER, began_path=str(began)))
        pid = int((await lines_of(began))[0])
        busy, idle = pool.workers()
        assert (busy.pid, busy.state, busy.task) == (pid, "busy", 7)
        assert (idle.state, idle.task, idle.tasks_done) == ("idle", None, 0)
        assert busy.memory_bytes > 0
        assert busy.cpu_percent >= 0
        assert busy.uptime_seconds > 0


async def test_a_worker_parts_from_terminal_and_offers_itself_to_the_oom_killer(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, _told):
        pid = pool.workers()[0].pid
        assert os.getpgid(pid) == pid
        assert await lines_of(Path(f"/proc/{pid}/oom_score_adj")) == ["500"]


def test_a_worker_imports_nothing_of_the_server() -> None:
    code = "import sys, jobs.engines.local.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert not {"asyncio", "tornado", "aiosqlite", "psutil", "storage", "handlers"} & set(loaded.split())


# Boot


async def test_a_boot_that_fails_is_reported_and_retried_ever_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "SHORTEST_BOOT_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(pool_module, "LONGEST_BOOT_DELAY_SECONDS", 0.04)
    monkeypatch.syspath_prepend(tmp_path)
    tried, cluster = tmp_path / "tried", tmp_path / "cluster"
    (tmp_path / "flaky_jobs.py").write_text(
        f"import os\nopen({str(tried)!r}, 'a').write('tried\\n')\n"
        f"if not os.path.exists({str(cluster)!r}): raise RuntimeError('no cluster here')\n"
    )
    async with a_starting_pool(tmp_path, modules=("flaky_jobs",)) as (pool, told):
        assert pool.workers()[0].state == "starting"
        await lines_of(tried, 4)
        view = pool.workers()[0]
        reason = "The job module flaky_jobs cannot be imported: RuntimeError: no cluster here"
        assert view.state == f"failed to start: {reason}"
        assert pool._workers[0]._boot_backoff._next_seconds == 0.04
        assert pool.free_workers == 0
        cluster.touch()
        await told.until(lambda: pool.free_workers)
        assert pool.workers()[0].state == "idle"
        assert pool._workers[0]._boot_backoff._next_seconds == 0.01


async def test_a_process_that_dies_before_it_is_ready_is_a_failed_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "deadly_jobs.py").write_text("import os\nos._exit(7)\n")
    async with a_starting_pool(tmp_path, modules=("deadly_jobs",)) as (pool, _told):
        await state_of(pool, lambda state: state != "starting")
        assert pool.workers()[0].state == "failed to start: exited with code 7"


# RunLimits


async def test_a_worker_is_replaced_after_its_number_of_tasks(tmp_path: Path) -> None:
    async with a_pool(tmp_path, tasks_per_worker=2) as (pool, told):
        pids = []
        for task in (1, 2, 3):
            await told.until(lambda: pool.free_workers)
            pids.append(pool.workers()[0].pid)
            pool.start_task(order(task, "counts", times=1))
            await told.end_of(task)
        assert pids[0] == pids[1] != pids[2]
        assert told.free_at_end == [1, 0, 1], "a worker that is about to end does not wait for a task"
        assert not told.deaths


async def test_a_round_over_its_time_limit_ends_its_worker(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "takes_too_long", limits=RunLimits(round_timeout_seconds=0.2)))
        assert await told.death_of(1) == "a round took longer than round_timeout_seconds = 0.2"
        assert told.numbers_of(1) == [1]
        await assert_next_runs(pool, told)


async def test_the_time_that_the_server_takes_to_commit_is_not_the_rounds(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        limits = RunLimits(round_timeout_seconds=0.5)
        pool.start_task(order(1, "counts", limits=limits, times=2, round_seconds=LONG_ROUND_SECONDS))
        await told.until(lambda: told.batches)
        await asyncio.sleep(1)  # the disk is slow
        told.acknowledging = True
        pool.acknowledge(1)
        assert (await told.end_of(1)).how == "returned"
        assert not told.deaths


@pytest.mark.parametrize("piece_bytes", [64, 1024 * 1024, 8 * 1024 * 1024])
async def test_a_job_that_takes_all_memory_gets_an_error_with_its_limit_and_its_worker_is_replaced(
    tmp_path: Path, piece_bytes: int
) -> None:
    """Without any memory left the interpreter itself crashes now and then, and another worker takes over."""
    limits = RunLimits(memory_limit_mb=96)
    async with a_pool(tmp_path) as (pool, told):
        for attempt in (1, 2, 3):
            await told.until(lambda: pool.free_workers)
            pid = pool.workers()[0].pid
            pool.start_task(order(attempt, "eats_memory", limits=limits, in_pieces_of=piece_bytes))
            await told.until(lambda attempt=attempt: len(told.ends) + len(told.deaths) == attempt)
            if told.ends:
                break
            assert told.deaths[-1] == (attempt, "killed by signal 11 (SIGSEGV)")
        error = error_of(told.ends[0])
        assert (error["type"], error["message"]) == ("MemoryError", "used more than memory_limit_mb = 96")
        await assert_next_runs(pool, told)
        assert pool.workers()[0].pid != pid


async def test_the_memory_limit_of_a_job_goes_before_that_of_all(tmp_path: Path) -> None:
    limits = limits_of(load_registry(MODULES).limited(RunLimits(memory_limit_mb=1_024)), "takes_memory", "{}")
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "takes_memory", limits=limits, megabytes=32))
        assert (await told.end_of(1)).how == "returned"
        pool.start_task(order(2, "takes_memory", limits=limits, megabytes=128))
        assert error_of(await told.end_of(2))["message"] == "used more than memory_limit_mb = 64"
