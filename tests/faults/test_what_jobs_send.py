"""What comes from a worker is looked at again in the server: a job can change everything in its process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.engines.local.pool import MOST_CHECKED_AT_ONCE, WorkerPool
from tests.faults.support import Told, a_pool, assert_next_runs, error_of, order

MODULES = ("tests.faults.misbehaving_jobs", "tests.faults.tampering_jobs")
NOT_KEPT = "what its worker sent cannot be stored: "


async def refusal_of(pool: WorkerPool, told: Told, task_id: int, job: str, **params: Any) -> str:
    """What a task says that ends as an Exception, and its worker with it."""
    await told.until(lambda: pool.free_workers)
    pid = pool.workers()[0].pid
    pool.start_task(order(task_id, job, **params))
    ended = await told.end_of(task_id)
    assert ended.how == "raised", params
    message = error_of(ended)["message"]
    if message.startswith(NOT_KEPT):
        await told.until(lambda: pool.free_workers)
        assert pool.workers()[0].pid != pid, "what changed its worker could change the next task"
    return message


async def test_what_is_no_json_ends_its_task_and_its_worker(tmp_path: Path) -> None:
    deep = "[" * 201 + "]" * 201
    cases = {
        ("result", "NaN"): "the job's result is not JSON",
        ("result", '"half: \\ud800"'): "the job's result is not JSON",
        ("result", "[1,]"): "the job's result is not JSON",
        ("result", '{"a": 1} 2'): "the job's result is not JSON",
        ("result", deep): "the job's result is nested too deeply",
        ("result", "1" * 5_000): "the job's result contains a number of more than 4,300 digits",
        ("output", "nothing"): "the round's output is not JSON",
        ("checkpoint", "{'done': 1}"): "the round's checkpoint is not JSON",
        ("error", "{}"): "Object missing required field `type`",
        ("error", '{"type": "X", "message": 5, "traceback": ""}'): "Expected `str`, got `int` - at `$.message`",
    }
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        for number, ((where, text), words) in enumerate(cases.items(), 1):
            message = await refusal_of(pool, told, number, "sends_as_json", where=where, text=text)
            assert message.startswith(NOT_KEPT + words), (where, text[:40])
            assert told.numbers_of(number)[0] == 1, "what was good before is kept"
        await assert_next_runs(pool, told)
        assert not told.deaths


async def test_much_json_is_looked_at_beside_the_loop_and_its_end_comes_after_it(tmp_path: Path) -> None:
    large = {"text": '"abcdefg"', "times": MOST_CHECKED_AT_ONCE // 9 + 1}
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "sends_as_json", where="output", **large))
        ended = await told.end_of(1)
        assert (ended.how, told.numbers_of(1)) == ("returned", [1, 2])
        words = await refusal_of(pool, told, 2, "sends_as_json", where="result", **{**large, "text": '"ab"cd"'})
        assert words.startswith(f"{NOT_KEPT}the job's result is not JSON")
        await assert_next_runs(pool, told)


async def test_a_worker_that_dies_while_its_last_words_are_looked_at_has_said_them(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        worker = pool._workers[0]
        pool.start_task(order(1, "floods", times=2, output_bytes=MOST_CHECKED_AT_ONCE))
        hold = worker.process.hold

        def hold_and_kill() -> None:
            hold()
            worker.kill("killed by a test")

        worker.process.hold = hold_and_kill
        assert await told.death_of(1) == "killed by a test"
        assert told.numbers_of(1) == [1]
        await assert_next_runs(pool, told)


async def test_an_encoder_that_was_patched_is_found_out(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "patches_encoder"))
        ended = await told.end_of(1)
        assert "the job's result is not JSON" in error_of(ended)["message"]
        assert ended.left == "an encoder that does not produce JSON", "the next task must not suffer from it"
        await assert_next_runs(pool, told)
        pool.start_task(order(2, "breaks_encoder"))
        assert error_of(await told.end_of(2))["message"] == "how it ended cannot be reported"
        assert not told.deaths


async def test_a_round_out_of_bounds_ends_its_task_and_its_worker(tmp_path: Path) -> None:
    cases = [
        ({"of": "0xffffffffffffffff"}, "Expected `int` <= 9007199254740992 - at `$.rounds[0].of`"),
        ({"seconds": 1e300}, "Expected `float` <= 3153600000.0 - at `$.rounds[0].seconds`"),
        ({"number": 1}, "the round's number is 1, expected more than 1"),
    ]
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        for number, (fields, words) in enumerate(cases, 1):
            message = await refusal_of(pool, told, number, "sends_rounds", rounds=[fields])
            assert message == NOT_KEPT + words
        pool.start_task(order(9, "sends_rounds", rounds=[{"of": "0x10000000000000000"}]))
        assert error_of(await told.end_of(9))["type"] == "OverflowError", "its own worker cannot even send that"
        assert not told.deaths


async def test_a_task_cannot_end_as_stopped_unless_somebody_stops_it(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        for number, how in enumerate(("stopped", "interrupted"), 1):
            message = await refusal_of(pool, told, number, "ends_as", how=how)
            assert message == f"{NOT_KEPT}that it was {how}, which nobody had requested"
            assert told.numbers_of(number) == [1]


@pytest.mark.parametrize("in_round", [False, True])
async def test_a_worker_that_reports_about_another_attempt_is_killed(tmp_path: Path, in_round: bool) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "ends_another_attempt", in_round=in_round))
        assert await told.death_of(1) == "sent a message out of turn"
        assert not told.ends
        await assert_next_runs(pool, told)


async def test_a_file_name_that_is_not_utf_8_is_shown_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "backs_up", path="/srv"))
        ended = await told.end_of(1)
        (done,) = told.rounds_of(1)
        assert (done.message, done.if_aborted) == ("saved caf\ufffd", "caf\ufffd is half saved")
        assert json.loads(done.output) == {"caf\ufffd": ["caf\ufffd"]}
        assert json.loads(ended.result) == {"last": "caf\ufffd", "is_as_it_was": True, "half": "\ufffd"}
        pool.start_task(order(2, "backs_up", checkpoint=json.loads(done.checkpoint), after_round=1, path="/srv"))
        assert json.loads((await told.end_of(2)).result)["is_as_it_was"]


async def test_what_cannot_even_be_described_is_an_exception_and_no_death(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "raises_oddly"))
        assert error_of(await told.end_of(1))["type"] == "['no', 'name'].OddError"
        pool.start_task(order(2, "raises_with_a_long_name"))
        assert len(error_of(await told.end_of(2))["type"]) == 500
        await assert_next_runs(pool, told)
