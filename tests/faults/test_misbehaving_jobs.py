"""Jobs that raise, and jobs that send what they may not: the task ends in words, and its worker goes on.

Nearly all of them share one pool, so each shows as well that the one before has left nothing behind.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine import Ended
from jobs.engines.local.pool import WorkerPool
from tests.faults.support import Told, a_pool, assert_next_runs, error_of, order
from tests.support.loops import OwnLoop


class SharedPool:
    """A pool of one worker, which no task that runs in it may end."""

    def __init__(self, pool: WorkerPool, told: Told, run: OwnLoop) -> None:
        self._pool = pool
        self._told = told
        self._run = run
        self._task_ids = itertools.count(1)

    def end_of(self, job: str, **params: object) -> tuple[Ended, list[int]]:
        """How a task ends and which rounds were told; the next one runs in the same worker and does not notice."""
        return self._run(self._end_of(job, params))

    async def _end_of(self, job: str, params: dict[str, object]) -> tuple[Ended, list[int]]:
        await self._told.until(lambda: self._pool.free_workers)
        pid = self._pool.workers()[0].pid
        task_id, next_id = next(self._task_ids), next(self._task_ids)
        self._pool.start_task(order(task_id, job, **params))
        ended = await self._told.end_of(task_id)
        await assert_next_runs(self._pool, self._told, next_id)
        assert self._pool.workers()[0].pid == pid
        return ended, self._told.numbers_of(task_id)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPool]:
    """Its loop stands still between two tests."""
    run = OwnLoop()
    opened = a_pool(tmp_path_factory.mktemp("pool"))
    yield SharedPool(*run(opened.__aenter__()), run)
    run(opened.__aexit__(None, None, None))
    run.close()


# Jobs that raise


def test_an_error_of_a_job_has_its_own_frames(shared: SharedPool) -> None:
    ended, numbers = shared.end_of("fails", rounds=2)
    error = error_of(ended)
    assert (ended.how, error["type"], error["message"]) == ("raised", "ValueError", "no such pool")
    assert error["traceback"].startswith("Traceback (most recent call last):\n")
    assert "misbehaving_jobs.py" in error["traceback"].splitlines()[1]
    assert numbers == [1, 2]


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
def test_what_is_hard_to_describe_is_described(shared: SharedPool, kind: str, name: str, message: str) -> None:
    ended, _ = shared.end_of("raises", kind=kind)
    error = error_of(ended)
    assert (error["type"], error["message"]) == (name, message)
    assert len(error["traceback"].encode()) <= 64 * 1024
    assert "in raises" in error["traceback"]


def test_an_exception_that_does_not_say_its_class_ends_its_task_and_not_its_worker(shared: SharedPool) -> None:
    ended, _ = shared.end_of("raises", kind="classless")
    assert error_of(ended)["message"] == "what the job raised cannot be shown, RuntimeError"


def test_sys_exit_ends_the_task_and_not_the_worker(shared: SharedPool) -> None:
    ended, _ = shared.end_of("calls_exit", code=3)
    error = error_of(ended)
    assert (error["type"], error["message"]) == ("SystemExit", "the job called sys.exit(3)")


def test_a_job_or_parameters_that_are_not_there_end_the_task(shared: SharedPool) -> None:
    ended, _ = shared.end_of("no_such_job")
    assert "no_such_job" in error_of(ended)["message"]
    ended, _ = shared.end_of("counts", times="many")
    assert error_of(ended)["type"] == "InvalidInput"


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
def test_a_round_that_may_not_be_sent_is_refused_in_words(shared: SharedPool, kind: str, words: str) -> None:
    ended, numbers = shared.end_of("yields", kind=kind)
    assert ended.how == "raised"
    assert error_of(ended)["message"].startswith(words)
    assert "in yields" in error_of(ended)["traceback"], "it says where the job yielded it"
    assert numbers == ([1, 2] if kind != "number after 2**53" else [1, 2, 2**53])


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
def test_a_result_that_may_not_be_sent_is_refused_in_words(shared: SharedPool, kind: str, words: str) -> None:
    ended, _ = shared.end_of("returns", kind=kind)
    assert ended.how == "raised"
    assert error_of(ended)["message"].startswith(words)


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
