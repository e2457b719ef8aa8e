"""Tasks on other hosts, which begin only after the commit of their claim, and whose host may be lost at any moment."""

from __future__ import annotations

import asyncio
import logging

import pytest

from jobs.definition.submission import Submission
from jobs.errors import StorageUnavailable
from jobs.model.task import Status
from storage.memory import MemoryStore
from tests.support.hosts import ScriptedHosts
from tests.support.house import House


@pytest.fixture
def house() -> House:
    return House(engine=ScriptedHosts(), store=SlowStore())


class SlowStore(MemoryStore):
    """Holds up changes while `gate` is shut; `at_gate` is set when one has come."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_gate = asyncio.Event()

    async def change(self, task_id, *steps):
        self.at_gate.set()
        await self.gate.wait()
        return await super().change(task_id, *steps)

    def shut(self) -> None:
        self.gate.clear()
        self.at_gate.clear()


async def begin(house: House, job: str = "plain", **params: object) -> int:
    """A task that runs on a host."""
    task = await house.submit(job, **params)
    return await claim(house, task)


async def claim(house: House, task: int) -> int:
    house.engine.claim(task)
    await house.settle()
    return task


async def end(house: House, task: int, how: str = "finish") -> None:
    getattr(house.engine, how)(task)
    await house.settle()


async def lose(house: House, task: int) -> str:
    """Loses the host of a task, and returns its name."""
    name = house.engine.places[task]
    house.engine.lose(name)
    await house.settle()
    return name


async def test_a_task_begins_after_the_commit_that_says_that_it_runs_on_this_host(house: House) -> None:
    task = await house.submit()
    assert (await house.task(task)).status is Status.NOT_STARTED
    house.store.shut()
    house.engine.claim(task)
    await house.store.at_gate.wait()
    assert not house.engine.begun

    house.store.gate.set()
    await house.settle()
    stored = await house.task(task)
    assert (stored.status, stored.place, stored.attempt) == (Status.RUNNING, "ceph1", 1)
    assert house.engine.begun == [(task, 1)]
    await house.round(task)
    await end(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.place, stored.round) == (Status.FINISHED, "ceph1", 1)
    assert (house.queue.tally.started, house.queue.tally.rounds) == (1, 1)


async def test_a_claim_that_cannot_be_stored_begins_when_it_can(house: House, monkeypatch) -> None:
    monkeypatch.setattr("jobs.queue.run_writer.FIRST_RETRY_SECONDS", 0.001)
    task = await house.submit()
    house.store.unavailable = True
    house.engine.claim(task)
    with pytest.raises(StorageUnavailable):
        await house.queue.delete(task, "ann")
    assert not house.engine.begun

    house.store.unavailable = False
    await house.settle()
    assert house.engine.begun == [(task, 1)]


async def test_a_second_claim_of_an_attempt_changes_nothing(house: House) -> None:
    """Another engine below ours may run a task twice by itself."""
    task = await begin(house)
    before = await house.task(task)
    acknowledged = []
    house.engine.acknowledge = acknowledged.append
    house.queue._runner.claimed(task, 1, "ceph2")
    await house.settle()
    assert await house.task(task) == before
    assert not acknowledged, "it would begin a second time"


async def test_on_this_machine_a_claim_acknowledges_no_rounds_that_come_before_its_commit() -> None:
    house = House(store=SlowStore())
    acknowledged = []
    house.engine.acknowledge = lambda task_id: acknowledged.append(house.store._tasks[task_id].round)
    house.store.shut()
    task = (await house.queue.submit(Submission(job="plain", params={}), "ann")).task.id
    await house.store.at_gate.wait()
    house.engine.rounds(task)
    house.store.gate.set()
    await house.settle()
    assert acknowledged == [1]
    assert (await house.task(task)).place is None


# The server dies


async def test_a_server_that_dies_before_the_claim_leaves_a_task_that_waits(house: House) -> None:
    task = await house.submit()
    await house.restart()
    await claim(house, task)
    assert (await house.task(task)).interruptions == 0
    assert house.engine.begun == [(task, 1)]


async def test_a_claim_that_was_not_committed_when_the_server_died_never_begins(house: House) -> None:
    task = await house.submit("once")
    house.store.shut()
    house.engine.claim(task)
    await house.store.at_gate.wait()
    house.store.at_gate.clear()
    house.queue._runner.background.cancel()
    house.store.gate.set()
    await house.restart()
    assert not house.engine.begun
    assert (await house.task(task)).status is Status.NOT_STARTED

    await claim(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.interruptions, stored.attempt) == (Status.RUNNING, 0, 1)
    assert house.engine.begun == [(task, 1)]


async def test_a_claim_whose_ticket_was_lost_with_the_server_gets_it_from_the_next_one(house: House) -> None:
    task = await house.submit("once")
    house.engine.acknowledge = lambda task_id: None
    await claim(house, task)
    del house.engine.acknowledge
    assert (await house.task(task)).status is Status.RUNNING
    assert not house.engine.begun

    await house.restart()
    stored = await house.task(task)
    assert (stored.status, stored.interruptions, stored.attempt) == (Status.RUNNING, 0, 1)
    assert house.engine.begun == [(task, 1)]
    await end(house, task)
    assert (await house.task(task)).status is Status.FINISHED


async def test_the_next_server_waits_for_a_host_that_it_cannot_reach_until_that_is_lost(house: House) -> None:
    task = await begin(house, "locked", pool="rbd")
    await house.round(task)
    behind = await house.submit("locked", pool="rbd")
    await house.restart()
    assert [*house.engine.places] == [task], "nobody has its lock meanwhile"
    stored = await house.task(task)
    assert (stored.status, stored.place, stored.interruptions) == (Status.RUNNING, "ceph1", 0)

    await lose(house, task)
    await claim(house, task)
    stored = await house.task(task)
    assert (stored.place, stored.attempt, stored.interruptions, stored.round) == ("ceph2", 2, 1, 1)
    await end(house, task)
    assert [*house.engine.ordered] == [behind]


async def test_a_task_that_must_not_resume_fails_if_the_host_is_lost_on_which_the_next_server_found_it(
    house: House,
) -> None:
    task = await begin(house, "once")
    await house.restart()
    await lose(house, task)
    assert (await house.task(task)).status is Status.EXCEPTION


# A host is lost


@pytest.mark.parametrize("rounds", [0, 2])
async def test_a_task_whose_host_is_lost_goes_on_elsewhere_and_nobody_died(house: House, rounds: int) -> None:
    task = await begin(house)
    for _ in range(rounds):
        await house.round(task, of=5)
    await lose(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.round, stored.place) == (Status.NOT_STARTED, rounds, "ceph1")

    await claim(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.interruptions, stored.deaths) == (Status.RUNNING, 1, 0)
    assert (stored.place, stored.attempt) == ("ceph2", 2)
    assert house.engine.running[task].round == rounds
    assert house.engine.begun == [(task, 1), (task, 2)]


async def test_no_number_of_lost_hosts_is_a_fault_of_the_task(house: House) -> None:
    task = await begin(house)
    for _ in range(10):
        house.engine.find(await lose(house, task))
        await claim(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.interruptions, stored.deaths) == (Status.RUNNING, 10, 0)


async def test_a_host_that_is_lost_before_it_claims_is_no_interruption(house: House) -> None:
    task = await house.submit("once")
    await lose(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.interruptions, stored.attempt) == (Status.NOT_STARTED, 0, 0)

    await claim(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.interruptions, stored.place) == (Status.RUNNING, 0, "ceph2")
    assert house.queue.tally.started == 1


async def test_a_task_that_must_not_resume_goes_on_if_its_host_is_lost_before_it_has_begun(house: House) -> None:
    task = await house.submit("once")
    house.store.shut()
    house.engine.claim(task)
    await house.store.at_gate.wait()
    house.engine.lose("ceph1")
    house.store.gate.set()
    await house.settle()
    await claim(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.place) == (Status.RUNNING, "ceph2")
    assert len(house.engine.begun) == 1

    await lose(house, task)
    stored = await house.task(task)
    assert stored.status is Status.EXCEPTION
    assert stored.outcome.startswith("Failed in round 1: Interrupted: its host ceph2 did not answer for 18 s, and")


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("until", ["ordered", "claimed", "ended"])
async def test_what_a_lost_host_says_late_of_an_earlier_attempt_falls_away(
    house: House, caplog, until: str, ends: bool
) -> None:
    task = await begin(house)
    await house.round(task)
    await lose(house, task)
    if until != "ordered":
        await claim(house, task)
    if until == "ended":
        await end(house, task)
    before = await house.task(task)

    with caplog.at_level(logging.WARNING, "hourglass.queue"):
        house.engine.say_late(task, ends=ends)
    await house.settle()
    assert await house.task(task) == before
    assert [done.number for done in (await house.store.rounds(task, 0)).rounds] == [1]
    assert len(caplog.records) == 1

    if until == "ordered":
        await claim(house, task)
    if until != "ended":
        await house.round(task)
        await end(house, task)
    assert (await house.task(task)).status is Status.FINISHED
    assert (await house.task(task)).result == "null"


# Somebody aborts


@pytest.mark.parametrize("force", [False, True])
async def test_an_abort_before_the_claim_takes_the_task_back(house: House, force: bool) -> None:
    task = await house.submit("locked", pool="rbd")
    behind = await house.submit("locked", pool="rbd")
    answer = await house.queue.delete(task, "ann", force=force)
    await house.settle()
    assert (answer.status, answer.outcome) == (Status.ABORTED, "Aborted by ann before it started")
    stored = await house.task(task)
    assert (stored.stopping, stored.interruptions, stored.attempt) == (False, 0, 0)
    assert [*house.engine.ordered] == [behind], "the lock is free"
    assert (house.queue.tally.started, house.queue.tally.ended[Status.ABORTED]) == (0, 1)


@pytest.mark.parametrize("force", [False, True])
async def test_a_claim_that_comes_while_an_abort_is_written_never_begins(house: House, force: bool) -> None:
    task = await house.submit()
    house.store.shut()
    aborting = asyncio.ensure_future(house.queue.delete(task, "ann", force=force))
    await house.store.at_gate.wait()
    house.engine.claim(task)
    house.store.gate.set()
    assert (await aborting).outcome == "Aborted by ann before it started"
    await house.settle()
    stored = await house.task(task)
    assert (stored.status, stored.stopping) == (Status.ABORTED, False)
    assert not house.engine.begun
    assert house.engine.free_workers == 2


@pytest.mark.parametrize("force", [False, True])
async def test_an_abort_that_comes_while_the_claim_is_written_ends_what_has_begun(house: House, force: bool) -> None:
    task = await house.submit()
    house.store.shut()
    house.engine.claim(task)
    await house.store.at_gate.wait()
    aborting = asyncio.ensure_future(house.queue.delete(task, "ann", force=force))
    house.store.gate.set()
    answer = await aborting
    if not force:
        assert answer.stopping
        assert house.engine.asked_to_stop == {task}
        house.engine.end(task, "stopped")
        await house.settle()
    stored = await house.task(task)
    ending = "; its worker was killed in round 1" if force else " after round 0"
    assert (stored.status, stored.stopping, stored.outcome) == (Status.ABORTED, False, f"Aborted by ann{ending}")


async def test_a_task_that_was_aborted_and_deleted_before_its_claim_never_begins(house: House) -> None:
    task = await house.submit()
    house.engine.abort_task = lambda task_id: None  # which comes late
    await house.queue.delete(task, "ann")
    await house.queue.delete(task, "ann")
    del house.engine.abort_task
    await claim(house, task)
    assert not house.engine.begun
    assert house.engine.free_workers == 2


@pytest.mark.parametrize("force", [False, True])
async def test_an_abort_takes_effect_with_the_loss_of_the_host_and_says_that_the_round_was_cut_off(
    house: House, monkeypatch, force: bool
) -> None:
    monkeypatch.setattr("jobs.queue.task_runner.LONGEST_KILL_SECONDS", 0)
    task = await begin(house, "locked", pool="rbd")
    await house.round(task, of=5)
    behind = await house.submit("locked", pool="rbd")
    house.engine.kill_task = house.engine.abort_task = lambda task_id: None  # out of reach
    assert (await house.queue.delete(task, "ann", force=force)).stopping
    assert not house.engine.ordered, "its round may go on"

    await lose(house, task)
    stored = await house.task(task)
    assert (stored.status, stored.stopping, stored.interruptions) == (Status.ABORTED, False, 0)
    assert stored.outcome == "Aborted by ann; its host was lost in round 2 of 5"
    assert [*house.engine.ordered] == [behind]


# Needs


async def test_a_task_whose_needs_nobody_offers_waits_and_those_behind_it_go_on(house: House) -> None:
    far = await house.submit("near", cluster="moon")
    other = await house.submit("near", cluster="other")
    plain = await house.submit()
    assert {task: house.engine.places.get(task) for task in (far, other, plain)} == {
        far: None,
        other: "ceph2",
        plain: "ceph1",
    }
    why = (await house.derived(far)).waiting_for
    assert (why.reason, why.position, why.needs) == ("place", 1, ("ceph:moon",))

    house.engine.find("ceph3", "ceph:moon")
    await house.settle()
    assert house.engine.places[far] == "ceph3"
    assert house.engine.ordered[far].needs == ("ceph:moon",)
    await claim(house, far)
    assert (await house.task(far)).place == "ceph3"


async def test_a_task_that_lost_its_host_waits_for_another_with_the_same_label(house: House) -> None:
    task = await begin(house, "near", cluster="other")
    await lose(house, task)
    assert (await house.derived(task)).waiting_for.reason == "place"
    plain = await house.submit()
    assert house.engine.places == {plain: "ceph1"}
    house.engine.find("ceph2")
    await house.settle()
    assert house.engine.places[task] == "ceph2"


async def test_a_place_that_is_lost_while_the_task_is_read_is_waited_for_again(house: House) -> None:
    task = await begin(house, "near", cluster="other")
    name = await lose(house, task)
    house.engine.find(name)
    house.engine.lose(name)
    await house.settle()
    assert (await house.derived(task)).waiting_for.reason == "place"
    house.engine.find(name)
    await house.settle()
    assert house.engine.places == {task: name}


async def test_needs_survive_a_restart(house: House) -> None:
    task = await house.submit("near", cluster="moon")
    await house.restart()
    assert (await house.derived(task)).waiting_for.needs == ("ceph:moon",)


# Besides


async def test_the_time_until_the_claim_is_no_stall(house: House) -> None:
    task = await house.submit()
    await house.later(100)
    await claim(house, task)
    await house.later(29)
    assert not (await house.task(task)).stalled
    await house.later(2)
    assert (await house.task(task)).stalled


async def test_a_task_that_begins_late_is_watched_for_a_stall(house: House, monkeypatch) -> None:
    monkeypatch.setattr("jobs.model.pace.SHORTEST_STALL_MS", 0)
    changed = asyncio.Event()
    house.store.report_to(lambda _: changed.set())
    task = await begin(house)
    while not (await house.task(task)).stalled:
        changed.clear()
        await changed.wait()


async def test_a_stop_takes_back_what_has_not_begun_and_interrupts_the_rest(house: House) -> None:
    runs = await begin(house)
    ordered = await house.submit()
    await house.queue.stop(1)
    stored = [await house.task(task) for task in (runs, ordered)]
    assert [task.status for task in stored] == [Status.NOT_STARTED] * 2
    assert [task.interruptions for task in stored] == [1, 0]
