"""Workers that die, and servers: what was reported is kept, and nothing is left behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from processes import child_process as process_module
from tests.faults.support import (
    a_pool,
    another_server,
    assert_next_runs,
    lines_of,
    order,
    until_gone,
    wait_for_end,
)
from tests.support.made import NEVER


@pytest.mark.parametrize(
    ("job", "params", "reason"),
    [
        ("ends_process", {"code": 3}, "exited with code 3"),
        ("ends_process", {"code": 0}, "exited with code 0"),
        ("kills_itself", {"number": signal.SIGKILL}, "killed by signal 9 (out of memory?)"),
        ("kills_itself", {"number": signal.SIGSEGV}, "killed by signal 11 (SIGSEGV)"),
        ("kills_itself", {"number": 40}, "killed by signal 40"),
        ("closes_files", {}, "exited with code 1"),
        ("sends_garbage", {}, "sent something that is not a message"),
    ],
)
async def test_the_death_of_a_worker_is_described_and_the_worker_replaced(
    tmp_path: Path, job: str, params: dict[str, object], reason: str
) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pid = pool.workers()[0].pid
        pool.start_task(order(1, job, **params))
        assert await told.death_of(1) == reason
        assert told.numbers_of(1) == [1], "what was reported before is not lost"
        await assert_next_runs(pool, told)
        assert pool.workers()[0].pid != pid


async def test_kill_9_in_the_middle_of_a_round_comes_after_all_that_was_reported(tmp_path: Path) -> None:
    began, ran = tmp_path / "began", tmp_path / "ran"
    async with a_pool(tmp_path) as (pool, told):
        params = {"until": NEVER, "began_path": str(began), "record_path": str(ran)}
        pool.start_task(order(1, "waits", times=3, in_round=3, **params))
        pid = int((await lines_of(began))[0])
        await told.until(lambda: told.numbers_of(1) == [1, 2])
        os.kill(pid, signal.SIGKILL)
        assert await told.death_of(1) == "killed by signal 9 (out of memory?)"
        assert not told.ends
        last = told.rounds_of(1)[-1]
        await told.until(lambda: pool.free_workers)
        go_on = json.loads(last.checkpoint or "")
        pool.start_task(order(1, "counts", checkpoint=go_on, after_round=last.number, times=3, record_path=str(ran)))
        await told.end_of(1)
        assert ran.read_text().split() == ["1", "2", "3"]


async def test_a_death_seen_before_the_last_report_is_reported_after_it(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        process = pool._workers[0].process
        pool.start_task(order(1, "ends_process", code=3))
        wait_for_end(process.pid)  # the loop stands still meanwhile
        process._end()
        assert told.numbers_of(1) == [1]
        assert told.deaths == [(1, "exited with code 3")]


async def test_an_idle_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pid = pool.workers()[0].pid
        os.kill(pid, signal.SIGKILL)
        await told.until(lambda: pool.free_workers and pool.workers()[0].pid != pid)
        assert not told.deaths
        await assert_next_runs(pool, told)


async def test_a_death_is_noticed_and_children_are_killed_though_one_holds_the_pipe(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "leaves_children", pids_path=str(pids), until=NEVER))
        children = [int(pid) for pid in await lines_of(pids, 3)]
        await told.until(lambda: told.numbers_of(1) == [1])
        os.kill(pool.workers()[0].pid, signal.SIGKILL)
        assert await told.death_of(1) == "killed by signal 9 (out of memory?)"
        for pid in children:
            await until_gone(pid)
        await assert_next_runs(pool, told)


async def test_children_that_a_finished_task_left_are_killed_with_the_worker(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "leaves_children", pids_path=str(pids)))
        assert (await told.end_of(1)).how == "returned"
        await assert_next_runs(pool, told)
        await pool.stop(60)
        for pid in await lines_of(pids, 3):
            await until_gone(int(pid))


async def test_a_fork_that_goes_on_as_if_it_were_the_worker_reports_nothing(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "forks_and_goes_on", times=3))
        await told.end_of(1)
        await assert_next_runs(pool, told)
        assert told.numbers_of(1) == [1, 2, 3]
        assert [ended.task for ended in told.ends] == [1, 999]
        assert not told.deaths


async def test_a_worker_that_closes_its_pipe_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "END_SECONDS", 0.05)
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "shuts_pipe"))
        assert await told.death_of(1) == "closed its pipe to the server"
        await assert_next_runs(pool, told)


@pytest.mark.parametrize("job", ["holds_gil", "waits"])
async def test_no_worker_outlives_a_server_that_is_killed(tmp_path: Path, job: str) -> None:
    began = tmp_path / "began"
    params = {"holds_gil": {"seconds": 3600}, "waits": {"times": 1, "in_round": 1, "until": NEVER}}[job]
    async with another_server(tmp_path, job, began_path=str(began), **params) as server:
        pid = int((await lines_of(began))[0])
        server.kill()
        await until_gone(pid)
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_forks_of_a_job_do_not_outlive_a_server_that_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    async with another_server(tmp_path, "leaves_children", pids_path=str(pids), until=NEVER) as server:
        command, fork, bare_fork = [int(pid) for pid in await lines_of(pids, 3)]
        server.kill()
        await until_gone(fork)
        for pid in (command, bare_fork):
            with suppress(ProcessLookupError):  # they may have ended with their worker
                os.kill(pid, signal.SIGKILL)


async def test_workers_hold_the_lock_until_they_end(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        async with a_pool(tmp_path) as (pool, _told):
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            await pool.stop(60)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_signals_to_stop_do_not_disturb_a_worker(tmp_path: Path) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "waits", times=2, in_round=1, until=str(go), began_path=str(began)))
        pid = int((await lines_of(began))[0])
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        go.touch()
        assert (await told.end_of(1)).how == "returned"
