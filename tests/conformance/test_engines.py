"""What every engine does, as `jobs/engine.py` says: the order of reports is watched in each of these tests."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from jobs.engine import Ended, Taken
from tests.support.engines import ENGINES, REMOTE, WORKERS, Reports, UnderTest, started


async def rounds_until_the_end(under_test: UnderTest, reports: Reports, task: int) -> None:
    """Ends a round after the other: how many there are until a worker hears of a stop is up to the engine."""
    while task not in reports.last:
        count = len(reports.rounds[task])
        under_test.tell(task, "round")
        await reports.until(lambda count=count: task in reports.last or len(reports.rounds[task]) > count)


on_each_engine = pytest.mark.parametrize("make", ENGINES, ids=lambda make: make.__name__.lower())
on_each_remote_engine = pytest.mark.parametrize("make", REMOTE, ids=lambda make: make.__name__.lower())


@on_each_engine
async def test_a_task_is_reported_round_by_round_and_its_end_comes_last(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        under_test.tell(1, "round", "round", "round", "finish")

        ended = await reports.end_of(1)
        assert (ended.how, ended.result, ended.error) == ("returned", '"done"', None)
        assert await reports.rounds_of(1, 3) == [1, 2, 3]


@on_each_engine
async def test_a_task_begins_after_the_round_that_left_the_checkpoint(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1, done=7))
        under_test.tell(1, "round", "finish")
        await reports.end_of(1)
        assert await reports.rounds_of(1, 1) == [8]


@on_each_engine
async def test_each_worker_has_one_task_and_none_takes_more(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        engine = under_test.engine
        for task in range(1, WORKERS + 1):
            reports.start(under_test.order(task))
        assert engine.free_workers == 0
        with pytest.raises(LookupError):
            engine.start_task(under_test.order(WORKERS + 1))
        assert {worker.task for worker in engine.workers()} == set(range(1, WORKERS + 1))
        assert [worker.state for worker in engine.workers()] == engine.worker_states() == ["busy"] * WORKERS
        assert len(engine.worker_usage()) == WORKERS

        under_test.tell(2, "finish")
        await reports.end_of(2)
        assert await reports.until(lambda: engine.free_workers) == 1
        reports.start(under_test.order(3))


@on_each_engine
async def test_rounds_wait_for_the_acknowledgement_of_those_before(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        await reports.claim_of(1)
        reports.acknowledging = False
        under_test.tell(1, "round", "round", "round")
        assert await reports.rounds_of(1, 1) == [1]

        reports.acknowledging = True
        reports.acknowledge(1)
        assert await reports.rounds_of(1, 3) == [1, 2, 3]


@on_each_engine
async def test_an_abort_ends_a_task_after_the_round_under_way(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        under_test.tell(1, "round")
        await reports.rounds_of(1, 1)
        under_test.engine.abort_task(1)
        under_test.engine.abort_task(1)
        await rounds_until_the_end(under_test, reports, 1)

        assert reports.last[1].how == "stopped"
        assert len(reports.rounds[1]) > 1, "the round under way counts"


@on_each_engine
async def test_a_killed_task_is_reported_as_the_death_of_its_worker(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        reports.start(under_test.order(2))
        await reports.claim_of(1)
        under_test.engine.abort_task(1)
        under_test.engine.kill_task(1)
        under_test.engine.kill_task(1)
        assert await reports.end_of(1) == "killed by force"

        under_test.tell(2, "finish")
        assert isinstance(await reports.end_of(2), Ended), "the others do not notice"
        await reports.until(lambda: under_test.engine.free_workers == WORKERS)


@on_each_engine
async def test_a_worker_that_dies_is_reported_after_its_rounds_and_replaced(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        under_test.tell(1, "round", "die")
        assert await reports.end_of(1) == "killed by signal 9 (out of memory?)"
        assert await reports.rounds_of(1, 1) == [1]
        await reports.until(lambda: under_test.engine.free_workers == WORKERS)


@on_each_engine
async def test_an_exception_of_a_job_is_reported_with_type_message_and_traceback(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        under_test.tell(1, "fail")
        ended = await reports.end_of(1)
        error = json.loads(ended.error)
        assert (ended.how, error["type"], error["message"]) == ("raised", "ValueError", "no such pool")
        assert error["traceback"].startswith("Traceback")


@on_each_engine
async def test_calls_about_tasks_that_do_not_run_do_nothing(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        for call in (under_test.engine.acknowledge, under_test.engine.abort_task, under_test.engine.kill_task):
            call(4711)
        assert under_test.engine.free_workers == WORKERS
        assert not reports.last


@on_each_engine
async def test_a_stop_gives_every_task_its_last_report_and_frees_no_worker(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        reports.start(under_test.order(2))
        under_test.tell(1, "round")
        await reports.rounds_of(1, 1)
        await under_test.engine.stop(0)

        for task in (1, 2):
            last = reports.last[task]
            assert isinstance(last, str) or last.how == "interrupted"


@on_each_engine
async def test_a_stop_lets_the_round_under_way_end(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        under_test.tell(1, "round")
        await reports.rounds_of(1, 1)
        stopping = asyncio.ensure_future(under_test.engine.stop(30))
        await asyncio.sleep(0)
        await rounds_until_the_end(under_test, reports, 1)
        await stopping

        ended = reports.last[1]
        assert (ended.how, ended.result) == ("interrupted", None)


async def next_server(under_test):
    """Starts the engine for the server after the one that died. Returns it, and what it reports."""
    engine = await under_test.of_next_server()
    reports = Reports(engine)
    engine.report_to(reports)
    await under_test.start()
    return engine, reports


@on_each_engine
async def test_a_task_that_runs_when_the_server_dies_is_adopted_by_the_next_one_or_ends(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        reports.start(under_test.order(2))
        under_test.tell(1, "round")
        await reports.rounds_of(1, 1)

        engine, after = await next_server(under_test)
        on_disk = Taken(1, 1, reports.places[1])
        adopted = await engine.adopt([on_disk])
        assert set(adopted) <= {1}, "the next server knows of no other"
        if adopted:
            after.adopt(on_disk)
        under_test.tell(1, "round", "finish")
        for task in adopted:
            ended = await after.end_of(task)
            assert (ended.how, await after.rounds_of(task, 1)) == ("returned", [2])
        await after.until(lambda: engine.free_workers == WORKERS)
        assert not after.broken
        assert 2 not in after.last


@on_each_engine
async def test_reports_that_nobody_acknowledged_are_repeated_after_an_adoption(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        await reports.claim_of(1)
        reports.acknowledging = False
        under_test.tell(1, "round")
        await reports.rounds_of(1, 1)

        engine, after = await next_server(under_test)
        on_disk = Taken(1, 1, reports.places[1])
        for task in await engine.adopt([on_disk]):
            after.adopt(on_disk)
            assert await after.rounds_of(task, 1) == [1]
            under_test.tell(task, "finish")
            await after.end_of(task)
        assert not after.broken


@on_each_engine
async def test_each_start_is_claimed_once_before_anything_else_is_reported(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1, attempt=7))
        place = await reports.claim_of(1)
        under_test.tell(1, "round", "finish")
        ended = await reports.end_of(1)
        assert ended.attempt == 7, "each report names it, or it would not be expected"
        assert place in {worker.host for worker in under_test.engine.workers()}


@on_each_engine
async def test_a_task_whose_needs_nobody_offers_cannot_be_started(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, _):
        engine = under_test.engine
        assert engine.can_start(())
        assert not engine.can_start(["a place in the sun"])
        with pytest.raises(LookupError):
            engine.start_task(under_test.order(1, needs=("a place in the sun",)))
        assert engine.free_workers == WORKERS


@on_each_engine
async def test_nothing_can_be_started_when_all_workers_have_tasks(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        for task in range(1, WORKERS + 1):
            assert under_test.engine.can_start(())
            reports.start(under_test.order(task))
        assert not under_test.engine.can_start(())


@on_each_remote_engine
async def test_a_task_runs_where_its_needs_are_offered(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        assert under_test.engine.can_start([under_test.label])
        reports.start(under_test.order(1, needs=(under_test.label,)))
        assert not under_test.engine.can_start([under_test.label]), "its one place is taken"
        assert under_test.engine.can_start(())
        await reports.claim_of(1)


@on_each_remote_engine
async def test_a_task_on_a_host_begins_only_when_its_claim_was_acknowledged(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.acknowledging = False
        reports.start(under_test.order(1))
        under_test.tell(1, "round", "finish")
        assert await reports.claim_of(1) is not None

        reports.acknowledging = True
        reports.start(under_test.order(2))
        under_test.tell(2, "round", "finish")
        await reports.end_of(2)
        assert not reports.rounds[1], "the other one had time for all it does"
        reports.acknowledge(1)
        await reports.end_of(1)
        assert await reports.rounds_of(1, 1) == [1]


@on_each_remote_engine
@pytest.mark.parametrize("how", ["abort_task", "kill_task"])
@pytest.mark.parametrize("when", ["ordered", "claimed"])
async def test_a_task_that_has_not_begun_is_taken_back(make, tmp_path: Path, how: str, when: str) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.acknowledging = False
        reports.start(under_test.order(1))
        if when == "claimed":
            await reports.claim_of(1)
        getattr(under_test.engine, how)(1)
        await reports.end_of(1)
        assert reports.lost == {1}
        await reports.until(lambda: under_test.engine.free_workers == WORKERS)

        reports.acknowledging = True
        under_test.tell(1, "round", "finish")
        reports.start(under_test.order(1, attempt=2))
        await reports.end_of(1)
        assert await reports.rounds_of(1, 1) == [1], "nothing of the first attempt ran"


@on_each_remote_engine
@pytest.mark.parametrize("rounds", [0, 2])
async def test_a_task_whose_host_is_lost_runs_again_elsewhere(make, tmp_path: Path, rounds: int) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        first = await reports.claim_of(1)
        under_test.tell(1, *["round"] * rounds)
        await reports.rounds_of(1, rounds)
        await under_test.lose_place_of(1)
        assert isinstance(await reports.end_of(1), str)
        assert (reports.lost, under_test.engine.free_workers) == ({1}, WORKERS - 1)
        assert first not in {worker.host for worker in under_test.engine.workers() if worker.state == "idle"}

        reports.start(under_test.order(1, done=rounds, attempt=2))
        assert await reports.claim_of(1) not in (first, None)
        under_test.tell(1, "round", "finish")
        ended = await reports.end_of(1)
        assert (ended.how, ended.attempt) == ("returned", 2)
        assert await reports.rounds_of(1, 1) == [rounds + 1]


@on_each_remote_engine
async def test_what_a_lost_host_says_late_bears_the_earlier_attempt_if_it_is_reported_at_all(
    make, tmp_path: Path
) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.start(under_test.order(1))
        await reports.claim_of(1)
        await under_test.lose_place_of(1)
        await reports.end_of(1)
        reports.start(under_test.order(1, attempt=2))
        await reports.claim_of(1)

        await under_test.hear_of_lost(1)
        under_test.tell(1, "round", "finish")
        assert (await reports.end_of(1)).attempt == 2
        assert await reports.rounds_of(1, 1) == [1]
        assert set(reports.late) <= {(1, 1)}


@on_each_remote_engine
async def test_a_stop_takes_back_what_has_not_begun(make, tmp_path: Path) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.acknowledging = False
        reports.start(under_test.order(1))
        await reports.claim_of(1)
        reports.start(under_test.order(2))
        await under_test.engine.stop(30)
        assert reports.lost == {1, 2}


@on_each_remote_engine
async def test_a_claim_that_is_on_disk_is_repeated_to_the_next_server_and_another_one_is_forgotten(
    make, tmp_path: Path
) -> None:
    async with started(make, tmp_path) as (under_test, reports):
        reports.acknowledging = False
        for task in (1, 2):
            reports.start(under_test.order(task))
            await reports.claim_of(task)

        engine, after = await next_server(under_test)
        on_disk = Taken(1, 1, reports.places[1])
        for task in await engine.adopt([on_disk]):
            after.adopt(on_disk)
            under_test.tell(task, "round", "finish")
            assert (await after.end_of(task)).how == "returned"
        await after.until(lambda: engine.free_workers == WORKERS)
        assert not after.broken
        assert 2 not in after.last
