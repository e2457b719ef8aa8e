"""What the pool and its workers promise, with real processes and jobs that misbehave."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.definition.composition import limits_of
from jobs.definition.loading import load_registry
from jobs.definition.registry import RunLimits
from jobs.engine import Ended
from jobs.engines.local import pool as pool_module
from jobs.engines.local.server_pipe import LONG_ROUND_SECONDS, MOST_GATHERED_BYTES
from processes import child_process as process_module
from tests.faults.support import (
    MODULES,
    ROOT,
    Told,
    a_pool,
    a_starting_pool,
    another_server,
    assert_next_runs,
    lines_of,
    order,
    state_of,
    until_gone,
    wait_for_end,
    wait_readable,
)
from tests.support.made import NEVER


def error_of(ended: Ended) -> dict[str, str]:
    assert ended.error is not None
    return json.loads(ended.error)


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


# Jobs that raise


async def test_a_job_that_raises_is_told_with_its_own_frames(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "fails", rounds=2))
        ended = await told.end_of(1)
        error = error_of(ended)
        assert (ended.how, error["type"], error["message"]) == ("raised", "ValueError", "no such pool")
        assert error["traceback"].startswith("Traceback (most recent call last):\n")
        assert "misbehaving_jobs.py" in error["traceback"].splitlines()[1]
        assert told.numbers_of(1) == [1, 2]
        await assert_next_runs(pool, told)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("empty", "ValueError", ""),
        ("unspeakable", "tests.faults.misbehaving_jobs.Unspeakable", "(its message cannot be shown, RuntimeError)"),
        ("interrupt", "KeyboardInterrupt", ""),
        ("deep", "RecursionError", "maximum recursion depth exceeded"),
        ("surrogate", "ValueError", "half a character: \ufffd"),
        ("long", "ValueError", "x" * 10_000),
    ],
)
async def test_what_is_hard_to_tell_is_told(tmp_path: Path, kind: str, name: str, message: str) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "raises", kind=kind))
        error = error_of(await told.end_of(1))
        assert (error["type"], error["message"]) == (name, message)
        assert len(error["traceback"].encode()) <= 64 * 1024
        assert "in raises" in error["traceback"]
        await assert_next_runs(pool, told)


async def test_an_exception_that_does_not_say_its_class_ends_its_task_and_not_its_worker(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pid = pool.workers()[0].pid
        pool.start_task(order(1, "raises", kind="classless"))
        assert error_of(await told.end_of(1))["message"] == "what the job raised cannot be shown, RuntimeError"
        await assert_next_runs(pool, told)
        assert pool.workers()[0].pid == pid


async def test_sys_exit_ends_the_task_and_not_the_worker(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pid = pool.workers()[0].pid
        pool.start_task(order(1, "calls_exit", code=3))
        error = error_of(await told.end_of(1))
        assert (error["type"], error["message"]) == ("SystemExit", "the job called sys.exit(3)")
        await assert_next_runs(pool, told)
        assert pool.workers()[0].pid == pid


async def test_a_job_or_parameters_that_are_not_there_end_the_task(tmp_path: Path) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "no_such_job"))
        assert "no_such_job" in error_of(await told.end_of(1))["message"]
        pool.start_task(order(2, "counts", times="many"))
        assert error_of(await told.end_of(2))["type"] == "InvalidInput"
        await assert_next_runs(pool, told)


# Jobs that send what they may not


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("five", "the job yielded 5, expected a Round"),
        ("nothing", "the job yielded None, expected a Round"),
        ("back", "the round's number is 2, expected more than 2"),
        ("percent", "percent of a Round must be a whole number from 0 to 100"),
        (
            "of over 2**53",
            "of of a Round must be a whole number from 1 to 9007199254740992, or None, not 9007199254740993",
        ),
        (
            "of over 2**64",
            "of of a Round must be a whole number from 1 to 9007199254740992, or None, not 1844674407370955",
        ),
        ("number over 2**53", "number of a Round must be a whole number from 1 to 9007199254740992, or None, not 9007"),
        ("number after 2**53", "the round's number is 9007199254740993, expected at most 9007199254740992"),
        ("float number", "number of a Round must be a whole number from 1 to 9007199254740992, or None, not 3.0"),
        ("true number", "number of a Round must be a whole number from 1 to 9007199254740992, or None, not true"),
        (
            "past its own checks",
            "of of a Round must be a whole number from 1 to 9007199254740992, or None, not 1844674407",
        ),
        ("long if_aborted", "the round's if_aborted has 1,001 characters, at most 1,000 are allowed"),
        ("endless number", "the round's output is not JSON: Exceeds the limit"),
        ("message type", "the message of a Round must be text"),
        ("long message", "the round's message has 1,001 characters, at most 1,000 are allowed"),
        ("set", "the round's output is not JSON: Object of type set is not JSON serializable"),
        ("nan", "the round's output is not JSON: Out of range float values are not JSON compliant"),
        ("huge output", "the round's output takes 1,048,578 bytes as JSON, at most 1,048,576 are allowed"),
        ("100 MB", "the round's output takes 104,857,602 bytes as JSON, at most 1,048,576 are allowed"),
        ("deep", "the round's output is nested too deeply, at most 200 levels are allowed"),
        ("checkpoint list", "the checkpoint of a Round must be a mapping"),
        ("checkpoint names", "the round's checkpoint is {3: 3}, expected names that are text"),
        ("huge checkpoint", "the round's checkpoint takes 1,048,587 bytes as JSON, at most 1,048,576 are allowed"),
    ],
)
async def test_a_round_that_may_not_be_sent_is_refused_in_words(tmp_path: Path, kind: str, words: str) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "yields", kind=kind))
        ended = await told.end_of(1)
        assert ended.how == "raised"
        assert error_of(ended)["message"].startswith(words)
        assert "in yields" in error_of(ended)["traceback"], "it says where the job yielded it"
        assert told.numbers_of(1) == ([1, 2] if kind != "number after 2**53" else [1, 2, 2**53])
        await assert_next_runs(pool, told)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("set", "the job's result is not JSON: Object of type set is not JSON serializable"),
        ("bytes", "the job's result is not JSON: Object of type bytes is not JSON serializable"),
        ("nan", "the job's result is not JSON: Out of range float values are not JSON compliant"),
        ("circular", "the job's result is not JSON: Circular reference detected"),
        ("deep", "the job's result is nested too deeply, at most 200 levels are allowed"),
        ("very deep", "the job's result is nested too deeply, at most 200 levels are allowed"),
        ("huge", "the job's result takes 10,485,762 bytes as JSON, at most 10,485,760 are allowed"),
    ],
)
async def test_a_result_that_may_not_be_sent_is_refused_in_words(tmp_path: Path, kind: str, words: str) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "returns", kind=kind))
        ended = await told.end_of(1)
        assert ended.how == "raised"
        assert error_of(ended)["message"].startswith(words)
        await assert_next_runs(pool, told)


async def test_a_clean_up_that_fails_after_a_refusal_is_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "yields_and_fails_to_clean_up"))
        assert error_of(await told.end_of(1))["message"] == "the job yielded 5, expected a Round"
        await assert_next_runs(pool, told)
    printed = capfd.readouterr().err
    assert "Task 1: its clean-up raised" in printed
    assert "the door is stuck" in printed


async def test_what_a_job_prints_does_not_reach_stdout_and_stdin_is_empty(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "prints", text="a word"))
        await told.end_of(1)
        assert told.rounds_of(1)[0].message == "read ''"
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("a word") == 3


# Workers that die


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
async def test_a_worker_that_dies_is_told_in_words_and_replaced(
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


async def test_a_death_that_is_seen_before_the_last_report_is_told_after_it(tmp_path: Path) -> None:
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


# Abort and force


async def test_an_abort_takes_effect_when_the_round_has_ended(tmp_path: Path) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    async with a_pool(tmp_path) as (pool, told):
        pool.start_task(order(1, "waits", times=5, in_round=2, until=str(go), began_path=str(began)))
        await lines_of(began)
        pool.abort_task(1)
        pool.abort_task(1)
        go.touch()
        ended = await told.end_of(1)
        assert (ended.how, ended.error) == ("stopped", None)
        assert told.numbers_of(1) == [1, 2]
        await assert_next_runs(pool, told)


@pytest.mark.parametrize(
    ("job", "name", "words"),
    [
        ("ignores_close", "RuntimeError", "generator ignored GeneratorExit"),
        ("fails_to_clean_up", "OSError", "the door is stuck"),
    ],
)
async def test_a_clean_up_that_fails_is_told(tmp_path: Path, job: str, name: str, words: str) -> None:
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


# Boot


async def test_a_boot_that_fails_is_told_and_tried_again_ever_less_often(
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


async def test_a_process_that_dies_before_it_is_ready_is_told_as_a_failed_start(
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
async def test_a_job_that_takes_all_memory_is_told_its_limit_and_its_worker_replaced(
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
