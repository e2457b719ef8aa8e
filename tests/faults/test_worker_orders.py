"""What the server says to a worker: to abort, to wait with the next round, to stop."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import os
import signal
from pathlib import Path

import pytest

from jobs.engines.local import pool as pool_module
from jobs.engines.local.server_pipe import LONG_ROUND_SECONDS, MOST_GATHERED_BYTES
from tests.faults.support import (
    Told,
    a_pool,
    a_starting_pool,
    assert_next_runs,
    error_of,
    lines_of,
    order,
    wait_readable,
)

# Abort and force


async def test_an_abort_takes_effect_when_the_round_has_ended(tmp_path: Path) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        pool.start_task(order(1, "waits", times=5, in_round=3, until=str(go), began_path=str(began)))
        await lines_of(began)
        await told.until(lambda: told.numbers_of(1) == [1])
        pool.abort_task(1)
        pool.abort_task(1)
        pool.acknowledge(1)
        await told.until(lambda: told.numbers_of(1) == [1, 2])  # it obeys in order, so it knows of the abort as well
        go.touch()
        ended = await told.end_of(1)
        assert (ended.how, ended.error) == ("stopped", None)
        assert told.numbers_of(1) == [1, 2, 3]
        told.acknowledging = True
        await assert_next_runs(pool, told)


@pytest.mark.parametrize(
    ("job", "name", "words"),
    [
        ("ignores_close", "RuntimeError", "generator ignored GeneratorExit"),
        ("fails_to_clean_up", "OSError", "the door is stuck"),
    ],
)
async def test_a_clean_up_that_fails_is_reported(tmp_path: Path, job: str, name: str, words: str) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, job, began_path=str(began), until=str(go)))
        await lines_of(began)
        pool.abort_task(1)
        go.touch()
        ended = await told.end_of(1)
        assert (ended.how, error_of(ended)["type"], error_of(ended)["message"]) == ("stopped", name, words)
        await assert_next_runs(pool, told)


async def test_a_job_that_returns_has_returned_though_it_was_aborted(tmp_path: Path) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "returns_late", began_path=str(began), until=str(go)))
        await lines_of(began)
        pool.abort_task(1)
        go.touch()
        ended = await told.end_of(1)
        assert (ended.how, ended.result) == ("returned", '"late"')


async def test_force_does_not_wait_even_for_a_worker_that_holds_the_gil(tmp_path: Path) -> None:
    began = tmp_path / "began"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "holds_gil", seconds=3600, began_path=str(began)))
        await lines_of(began)
        pool.kill_task(1)
        assert await told.death_of(1) == "killed by force"
        await assert_next_runs(pool, told)


async def test_a_worker_that_is_being_killed_gets_no_other_task_though_it_has_just_ended_one(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        process = pool._workers[0].process
        pool.start_task(order(1, "counts", times=0))
        wait_readable(process._channel.fileno())  # its last word is on the way; the loop stands still meanwhile
        pool.kill_task(1)
        assert (await told.end_of(1)).how == "returned"
        assert told.free_at_end == [0]
        await assert_next_runs(pool, told)
        assert not told.deaths


async def test_orders_for_a_task_that_does_not_run_change_nothing(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        for command in (pool.acknowledge, pool.abort_task, pool.kill_task):
            command(1)
        await assert_next_runs(pool, told)


# Flow


async def acknowledge_late(pool: pool_module.WorkerPool, told: Told, task_id: int) -> None:
    """As a slow disk would, until the task has ended."""
    for count in itertools.count(1):
        await told.until(functools.partial(lambda count: told.ends or len(told.batches) >= count, count))
        if told.ends:
            return
        await asyncio.sleep(0.01)
        pool.acknowledge(task_id)


async def test_a_flood_of_rounds_arrives_once_and_in_order_in_batches_of_bounded_size(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        pool.start_task(order(1, "floods", times=2_000, output_bytes=4_000))
        await acknowledge_late(pool, told, 1)
        assert told.ends[0].how == "returned"
        assert told.numbers_of(1) == list(range(1, 2_001))
        batches = [rounds for _task, rounds in told.batches] + [told.ends[0].rounds]
        assert max(sum(len(done.output or "") for done in rounds) for rounds in batches) < MOST_GATHERED_BYTES + 5_000


async def test_a_flood_waits_for_its_acknowledgement(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        pool.start_task(order(1, "floods", times=1_000_000))
        await told.until(lambda: told.batches)
        await asyncio.sleep(4 * LONG_ROUND_SECONDS)  # what would go on without it has this long to do so
        pool.abort_task(1)
        ended = await told.end_of(1)
        assert ended.how == "stopped"
        assert len(told.batches) == 1
        assert sum(done.seconds for done in ended.rounds) <= LONG_ROUND_SECONDS + ended.rounds[-1].seconds


async def test_a_long_round_is_acknowledged_before_the_next_one_begins(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        pool.start_task(order(1, "counts", times=3, record_path=str(ran), round_seconds=LONG_ROUND_SECONDS))
        await told.until(lambda: told.batches)
        await asyncio.sleep(2 * LONG_ROUND_SECONDS)  # as above
        pool.abort_task(1)
        await told.end_of(1)
        assert told.numbers_of(1) == [1]
        assert ran.read_text().split() == ["1"]


async def test_what_has_gathered_leaves_on_the_acknowledgement_though_a_long_round_is_under_way(
    tmp_path: Path,
) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        pool.start_task(order(1, "waits", times=4, in_round=4, until=str(go), began_path=str(began)))
        await lines_of(began)
        await told.until(lambda: told.numbers_of(1) == [1])
        pool.acknowledge(1)
        await told.until(lambda: told.numbers_of(1) == [1, 2, 3])
        assert not told.ends
        told.acknowledging = True
        pool.acknowledge(1)
        go.touch()
        await told.end_of(1)
        assert told.numbers_of(1) == [1, 2, 3, 4]


async def test_an_order_larger_than_the_pipe_does_not_block_the_loop(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        os.kill(pool.workers()[0].pid, signal.SIGSTOP)
        pool.start_task(order(1, "fails", message="x" * 1_000_000))
        os.kill(pool.workers()[0].pid, signal.SIGCONT)
        assert error_of(await told.end_of(1))["message"] == "x" * 10_000
        os.kill(pool.workers()[0].pid, signal.SIGSTOP)
        pool.start_task(order(2, "fails", message="x" * 1_000_000))
        pool.abort_task(2)
        pool.kill_task(2)
        assert await told.death_of(2) == "killed by force"
        await assert_next_runs(pool, told)


# Stop


async def test_a_stop_lets_rounds_end_within_the_grace_and_starts_no_new_ones(tmp_path: Path) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path, count=2) as (pool, told):
        pool.start_task(order(1, "waits", times=5, in_round=2, until=str(go), began_path=str(began)))
        await lines_of(began)
        stop = asyncio.create_task(pool.stop(60))
        await asyncio.sleep(0)
        assert pool.free_workers == 0
        go.touch()
        await stop
        assert [ended.how for ended in told.ends] == ["interrupted"]
        assert told.numbers_of(1) == [1, 2]
        assert not told.deaths
        assert {view.pid for view in pool.workers()} == {None}


async def test_a_stop_interrupts_a_worker_that_waits_for_its_acknowledgement(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        told.acknowledging = False
        pool.start_task(order(1, "counts", times=3, round_seconds=LONG_ROUND_SECONDS))
        await told.until(lambda: told.batches)
        await pool.stop(60)
        assert [ended.how for ended in told.ends] == ["interrupted"]


async def test_after_the_grace_workers_are_killed(tmp_path: Path) -> None:
    began = tmp_path / "began"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "holds_gil", seconds=3600, began_path=str(began)))
        await lines_of(began)
        await pool.stop(0.1)
        assert told.deaths == [(1, "did not end within grace_seconds = 0.1")]


@pytest.mark.parametrize("how", ["a second call", "a cancelled call"])
async def test_a_stop_that_becomes_urgent_kills_at_once(tmp_path: Path, how: str) -> None:
    began = tmp_path / "began"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "holds_gil", seconds=3600, began_path=str(began)))
        await lines_of(began)
        stop = asyncio.create_task(pool.stop(3600))
        await asyncio.sleep(0)
        await pool.stop(3600) if how == "a second call" else stop.cancel()
        await asyncio.wait([stop])
        assert told.deaths == [(1, "killed, as the server stopped at once")]


async def test_a_thread_that_a_job_left_does_not_keep_a_worker_from_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "jobs.pool")
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "leaves_thread"))
        await told.end_of(1)
        await pool.stop(60)
        assert caplog.messages[-1].endswith("ended: exited with code 0")


async def test_a_stop_does_not_wait_for_workers_that_are_still_starting(tmp_path: Path) -> None:
    async with a_starting_pool(tmp_path, count=2) as (pool, told):
        await pool.stop(3600)
        assert {view.pid for view in pool.workers()} == {None}
        assert not told.deaths
