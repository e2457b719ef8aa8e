"""Random lives of a queue: whatever happens in whatever order, the promises hold after each step, on both stores.

The engine is scripted, so that rounds, ends, deaths and restarts can happen at any moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs.definition.loading import load_registry
from jobs.definition.submission import Submission
from jobs.errors import Conflict, NoSuchTask, ServiceStopping, StatusChanged, StorageUnavailable
from jobs.model.task import TRANSITIONS, Status
from jobs.queue import background, run_writer
from jobs.queue.task_queue import TaskQueue
from tests.support.engine import ScriptedEngine
from tests.support.hosts import HOSTS, ScriptedHosts
from tests.support.loops import OwnLoop
from tests.support.stores import directory_in_memory, open_memory, open_sqlite

WORKERS = 2
MAX_DEATHS = 2
LEGAL = {(before, after) for (before, _), after in TRANSITIONS.items()} | {(None, Status.NOT_STARTED)}
REGISTRY = load_registry(["tests.support.plain_jobs"])
SUBMISSIONS = st.one_of(
    st.builds(lambda times: ("plain", {"times": times}), st.integers(1, 5)),
    st.builds(lambda pool: ("locked", {"pool": pool}), st.sampled_from(["rbd", "data"])),
    st.builds(lambda what: ("only_one", {"what": what}), st.sampled_from(["a", "b"])),
    st.builds(lambda cluster: ("near", {"cluster": cluster}), st.sampled_from(["main", "other", "moon"])),
    st.just(("once", {})),
    st.just(("chain", {"steps": [{"job": "locked", "params": {"pool": pool}} for pool in ("rbd", "data")]})),
    st.just(("chain", {"steps": [{"job": "locked", "params": {"pool": "rbd"}}, {"job": "once"}]})),
)


class Defects(logging.Handler):
    """Collects what the queue itself calls a defect."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record):
        if record.exc_info:
            self.found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


class QueueMachine(RuleBasedStateMachine):
    """Drives a TaskQueue and watches it from outside, as a client that reads changes by `since`."""

    open_store = staticmethod(open_memory)
    make_engine = ScriptedEngine

    @initialize()
    def begin(self):
        self.defects = Defects()
        logging.getLogger("hourglass.queue").addHandler(self.defects)
        self.directory = directory_in_memory()
        self.run = OwnLoop()
        self.now = 1_000_000
        self.known: list[int] = []
        self.status: dict[int, Status] = {}
        self.mirror = {}
        self.deleted: set[int] = set()
        self.final: dict[int, Status] = {}
        self.since = 0
        self.store = self.run(self.open_store(Path(self.directory.name)))
        self.start_server()

    def play(self, what, *args, **how):
        async def inside():
            what(*args, **how)

        self.run(inside())

    def start_server(self, engine=None):
        self.engine = engine or self.make_engine(WORKERS)
        self.engine.clock = lambda: self.now
        self.queue = TaskQueue(
            self.store, self.engine, REGISTRY, MAX_DEATHS, clock=lambda: self.now, steady=lambda: self.now
        )
        self.run(self.queue.recover())
        self.settle()

    def settle(self):
        """Waits until everything that was begun is on disk and has been seen."""
        self.run(self._settled())

    async def _settled(self):
        await asyncio.sleep(0)  # an engine that was adopted repeats reports
        await self.queue._runner.background.finish()
        await self._read_changes()

    async def _read_changes(self):
        """Reads as a client does: transitions, then tasks, then deleted; nothing may lie between two frames."""
        head = await self.store.head()
        while self.since < head.revision:
            changes = await self.store.changes(self.since, limit=3)
            assert changes.since == self.since < changes.revision
            for move in changes.transitions:
                assert (move.before, move.after) in LEGAL
                assert self.status.get(move.task) == move.before, "a transition is missing, or came twice"
                assert self.since < move.revision <= changes.revision
                self.status[move.task] = move.after
            for task in changes.tasks:
                self.see(task)
            self.deleted.update(changes.deleted)
            for task_id in changes.deleted:
                self.mirror.pop(task_id, None)
            self.since = changes.revision

    def see(self, task):
        before = self.mirror.get(task.id)
        if before is not None:
            assert task.percent >= before.percent, "percent fell"
            assert task.interruptions >= before.interruptions
            assert task.revision >= before.revision
        if task.is_final:
            assert self.final.setdefault(task.id, task.status) == task.status, "a final status changed"
        self.mirror[task.id] = task

    # What people do.

    @rule(what=SUBMISSIONS, priority=st.integers(-2, 2), delay=st.sampled_from([None, None, 5_000, 50_000]))
    def submit(self, what, priority, delay):
        job, params = what
        due = self.now + delay if delay else None
        created = self.run(
            self.queue.submit(Submission(job=job, params=params, priority=priority, not_before=due), "ann")
        )
        if created.is_new:
            assert not self.known or created.task.id > max(self.known), "an id was used again"
            self.known.append(created.task.id)
        else:
            assert self.mirror[created.task.id].is_pending
        self.settle()

    @precondition(lambda self: self.known)
    @rule(data=st.data(), expected=st.sampled_from([None, None, "pending", "final"]), force=st.booleans())
    def delete(self, data, expected, force):
        task_id = data.draw(st.sampled_from(self.known))
        before = self.mirror.get(task_id)
        try:
            task = self.run(self.queue.delete(task_id, "ann", expected, force))
        except NoSuchTask:
            assert before is None
        except StatusChanged:
            assert (expected == "final") is not before.is_final
        else:
            self.check_deleted(before, task, force)
        self.settle()

    def check_deleted(self, before, task, force):
        if before.is_pending:
            assert task.status is Status.ABORTED
            assert task.outcome.startswith("Aborted by ann")
        if task is None:
            assert before.is_final
        if force:
            assert before.id not in self.engine.running or task is None, "force left it running"

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def delete_two_ways_at_once(self, data):
        task_id = data.draw(st.sampled_from(self.known))

        async def both():
            wishes = (self.queue.delete(task_id, name, "pending") for name in ("ann", "bob"))
            return await asyncio.gather(*wishes, return_exceptions=True)

        aborted = [answer for answer in self.run(both()) if not isinstance(answer, Exception)]
        assert len(aborted) <= 1, "a delete that was meant for a pending task found a final one"
        self.settle()

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def retry(self, data):
        task_id = data.draw(st.sampled_from(self.known))
        before = self.mirror.get(task_id)
        try:
            created = self.run(self.queue.retry(task_id, "bob"))
        except NoSuchTask:
            assert before is None
        except Conflict:
            assert before.is_pending
        else:
            if created.is_new:
                assert created.task.retry_of == task_id
                self.known.append(created.task.id)
        self.settle()

    # What workers do.

    @precondition(lambda self: self.engine.running)
    @rule(data=st.data(), count=st.integers(1, 3), checkpoint=st.booleans())
    def rounds(self, data, count, checkpoint):
        task_id = self.busy(data)
        self.play(self.engine.rounds, task_id, count, of=20, checkpoint=checkpoint)
        self.settle()
        assert task_id not in self.engine.unacknowledged, "the worker waits for ever"

    @precondition(lambda self: self.engine.running)
    @rule(data=st.data())
    def job_returns(self, data):
        task_id = self.busy(data)
        was = self.mirror.get(task_id)
        self.play(self.engine.rounds, task_id, of=20)
        self.play(self.engine.finish, task_id, '"done"')
        self.settle()
        if was is not None and was.status is Status.RUNNING:
            assert self.mirror[task_id].status is Status.FINISHED
            assert self.mirror[task_id].percent == 100

    @precondition(lambda self: self.engine.running)
    @rule(data=st.data())
    def job_raises(self, data):
        task_id = self.busy(data)
        was = self.mirror.get(task_id)
        self.play(self.engine.fail, task_id)
        self.settle()
        if was is not None and was.status is Status.RUNNING:
            assert self.mirror[task_id].status is Status.EXCEPTION
            assert "ValueError: no such pool" in self.mirror[task_id].outcome

    @precondition(lambda self: self.engine.asked_to_stop)
    @rule(data=st.data())
    def worker_heeds_an_abort(self, data):
        task_id = data.draw(st.sampled_from(sorted(self.engine.asked_to_stop)))
        self.play(self.engine.rounds, task_id, of=20)
        self.play(self.engine.end, task_id, "stopped")
        self.settle()
        if task_id in self.mirror:
            assert not self.mirror[task_id].stopping

    @precondition(lambda self: self.engine.running)
    @rule(data=st.data())
    def worker_dies(self, data):
        task_id = self.busy(data)
        was = self.mirror.get(task_id)
        self.play(self.engine.die, task_id)
        self.settle()
        if was is not None and was.status is Status.RUNNING:
            self.check_death(was, self.mirror[task_id])

    def check_death(self, was, task):
        assert task.interruptions == was.interruptions + 1
        if "once" in was.job + was.params or was.deaths == MAX_DEATHS:
            assert task.status is Status.EXCEPTION
        else:
            assert task.is_pending

    @precondition(lambda self: self.engine.running)
    @rule(data=st.data(), ends=st.booleans())
    def the_disk_is_full_for_a_while(self, data, ends):
        task_id = self.busy(data)
        known_rounds = self.rounds_of(task_id)
        self.store.full = True
        self.play(self.engine.rounds, task_id)
        if ends:
            self.play(self.engine.finish, task_id)
        self.run(self._refused())
        assert ends or task_id in self.engine.unacknowledged, "acknowledged what is not on disk"
        assert self.rounds_of(task_id) == known_rounds
        self.store.full = False
        self.settle()
        assert task_id not in self.engine.unacknowledged
        if task_id in self.mirror:
            assert len(self.rounds_of(task_id)) >= len(known_rounds)

    async def _refused(self):
        with pytest.raises(StorageUnavailable):
            await self.queue.submit(Submission(job="plain", params={}), "ann")

    def rounds_of(self, task_id):
        try:
            return self.run(self.store.rounds(task_id, 0)).rounds
        except NoSuchTask:
            return []

    def busy(self, data):
        return data.draw(st.sampled_from(sorted(self.engine.running)))

    # What happens to the server.

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds):
        self.now += seconds * 1000
        self.run(self._look())
        self.settle()

    async def _look(self):
        self.queue._runner.dispatch()
        self.queue._runner.stalls.mark()

    @rule()
    def server_is_killed_and_started_again(self):
        self.queue._runner.stop_starting()
        self.store = self.run(self.store.reopen())
        self.start_server()
        assert not any(task.stopping for task in self.mirror.values())

    @rule(data=st.data(), what=st.sampled_from(["nothing", "rounds", "end", "death"]))
    def server_is_killed_and_its_engine_runs_on(self, data, what):
        task_id = self.busy(data) if what != "nothing" and self.engine.running else None
        self.run(self._kill_amid_reports(what, task_id))
        self.store = self.run(self.store.reopen())
        running = [self.mirror[task_id] for task_id in self.engine.running if task_id in self.mirror]
        self.start_server(self.engine)
        for task in running:
            assert self.mirror[task.id].interruptions == task.interruptions, "it was running on"

    async def _kill_amid_reports(self, what, task_id):
        """Kills the server before the last report is on disk."""
        if task_id is not None and what != "death":
            self.engine.rounds(task_id, of=20)
        if task_id is not None and what != "rounds":
            getattr(self.engine, {"end": "finish", "death": "die"}[what])(task_id)
        self.queue._runner.stop_starting()
        self.queue._runner.background.cancel()

    @rule()
    def server_is_stopped_and_started_again(self):
        self.run(self.queue.stop(1))
        with pytest.raises(ServiceStopping):
            self.run(self.queue.submit(Submission(job="plain", params={}), "ann"))
        self.settle()
        assert not any(task.status is Status.RUNNING for task in self.mirror.values())
        self.store = self.run(self.store.reopen())
        self.start_server()

    # The promises.

    @invariant()
    def what_the_client_has_is_what_is_stored(self):
        if not hasattr(self, "store"):
            return
        head = self.run(self.store.head())
        counts = Counter(task.status for task in self.mirror.values())
        assert {status: counts.get(status, 0) for status in Status} == head.counts
        pending = [task.percent for task in self.mirror.values() if task.is_pending]
        assert head.pending_percent == (sum(pending) // len(pending) if pending else 0)
        assert set(self.mirror) | self.deleted == set(self.known)
        for task_id, task in self.mirror.items():
            assert self.status[task_id] == task.status

    @invariant()
    def what_runs_is_what_should_run(self):
        if not hasattr(self, "engine"):
            return
        locks = []
        for task_id in self.engine.running:
            task = self.mirror.get(task_id)
            if task is not None:
                assert task.status is Status.RUNNING or task.stopping
                locks += task.locks
        assert len(locks) == len(set(locks)), "two tasks with one lock run at once"
        for task in self.mirror.values():
            if task.status is Status.RUNNING or task.stopping:
                assert task.id in self.engine.running

    @invariant()
    def nothing_waits_without_a_reason(self):
        if not hasattr(self, "engine"):
            return
        for task in self.mirror.values():
            why = self.queue.derived(task).waiting_for
            assert (why is not None) == (task.status is Status.NOT_STARTED and not self.is_ordered(task.id))
            if why is not None and why.reason in ("worker", "place"):
                assert not self.engine.can_start(why.needs), "a worker is free, and a task waits for one"
            if why is not None and why.reason == "lock":
                ahead = self.mirror.get(why.task)
                assert ahead is None or set(ahead.locks) & set(task.locks)
                waits = ahead is not None and ahead.status is Status.NOT_STARTED
                assert waits or why.task in self.engine.running, "it waits for a task that has ended"
            if why is not None and why.reason == "schedule":
                assert why.until > self.now

    def is_ordered(self, task_id):
        """Returns whether its order waits for a worker that claims it."""
        return False

    def teardown(self):
        if not hasattr(self, "run"):
            return
        self.queue._runner.stop_starting()
        self.run(self.store.close())
        self.run.close()
        self.directory.cleanup()
        logging.getLogger("hourglass.queue").removeHandler(self.defects)
        assert not self.defects.found


class MemoryMachine(QueueMachine):
    open_store = staticmethod(open_memory)


class SqliteMachine(QueueMachine):
    open_store = staticmethod(open_sqlite)


class HostsMachine(QueueMachine):
    """The same with workers on other hosts, which claim late, are lost, and are heard again."""

    make_engine = ScriptedHosts

    def start_server(self, engine=None):
        super().start_server(engine)
        assert len(set(self.engine.begun)) == len(self.engine.begun), "an attempt has begun twice"

    def is_ordered(self, task_id):
        return task_id in self.engine.ordered

    @precondition(lambda self: self.engine.ordered)
    @rule(data=st.data())
    def a_worker_claims(self, data):
        task_id = data.draw(st.sampled_from(sorted(self.engine.ordered)))
        was = self.mirror[task_id]
        self.play(self.engine.claim, task_id)
        self.settle()
        task = self.mirror[task_id]
        assert (task.status, task.attempt) == (Status.RUNNING, was.attempt + 1)
        assert task.place == self.engine.places[task_id]
        assert task_id in self.engine.running

    @precondition(lambda self: self.engine.hosts)
    @rule(data=st.data())
    def a_host_is_lost(self, data):
        name = data.draw(st.sampled_from(sorted(self.engine.hosts)))
        there = [task_id for task_id, place in self.engine.places.items() if place == name]
        before = [self.mirror[task_id] for task_id in there if task_id in self.mirror]
        self.play(self.engine.lose, name)
        self.settle()
        for was in before:
            self.check_loss(was, self.mirror[was.id])

    def check_loss(self, was, task):
        assert task.deaths == was.deaths
        assert not task.stopping
        if was.status is Status.RUNNING:
            assert task.interruptions == was.interruptions + 1
            assert task.status is (Status.EXCEPTION if "once" in was.job + was.params else Status.NOT_STARTED)
        else:
            assert (task.status, task.interruptions) == (was.status, was.interruptions)

    @precondition(lambda self: len(self.engine.hosts) < len(HOSTS))
    @rule(data=st.data())
    def a_host_returns(self, data):
        self.play(self.engine.find, data.draw(st.sampled_from(sorted(set(HOSTS) - set(self.engine.hosts)))))
        self.settle()

    @precondition(lambda self: self.engine.lost)
    @rule(data=st.data(), ends=st.booleans())
    def a_lost_host_is_heard_again(self, data, ends):
        task_id = data.draw(st.sampled_from(sorted(self.engine.lost)))
        before = self.mirror.get(task_id)
        self.play(self.engine.say_late, task_id, ends=ends)
        self.settle()
        assert self.mirror.get(task_id) == before

    @precondition(lambda self: self.engine.ordered)
    @rule(data=st.data(), turns=st.integers(0, 4))
    def server_is_killed_amid_a_claim(self, data, turns):
        task_id = data.draw(st.sampled_from(sorted(self.engine.ordered)))
        was = self.mirror[task_id]
        self.run(self._kill_amid_a_claim(task_id, turns))
        self.store = self.run(self.store.reopen())
        self.start_server(self.engine)
        assert self.mirror[task_id].interruptions == was.interruptions, "no round of it was cut off"

    async def _kill_amid_a_claim(self, task_id, turns):
        self.engine.claim(task_id)
        for _ in range(turns):
            await asyncio.sleep(0)
        self.queue._runner.stop_starting()
        self.queue._runner.background.cancel()


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr(run_writer, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(run_writer, "LONGEST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(background, "LOOK_AGAIN_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("machine", "lives", "steps"),
    [
        (MemoryMachine, 40, 30),
        (SqliteMachine, 15, 20),
        (HostsMachine, 40, 30),
        pytest.param(MemoryMachine, 150, 40, marks=pytest.mark.slow),
        pytest.param(SqliteMachine, 60, 40, marks=pytest.mark.slow),
        pytest.param(HostsMachine, 150, 40, marks=pytest.mark.slow),
    ],
)
def test_in_random_lives_the_promises_hold_after_each_step(machine, lives, steps):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
