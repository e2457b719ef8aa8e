"""Random lives of a host and its servers: whatever becomes of their calls, no task runs on a host after the server has
given it away, and every order and report arrives once and in order.

Calls are delayed, lost, repeated and reordered; the clocks run at 0.9 to 1.1 of each other; both sides restart at any
moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

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

from jobs.engines.remote.exchange import (
    Hear,
    Heard,
    Hello,
    HostEnd,
    JobsAlive,
    ServerEnd,
    SessionOver,
    StaleEpoch,
    Tell,
    Welcome,
)
from jobs.engines.remote.lease import free_at

TASKS = (1, 2, 3)
SERVER_CLOCK = 50_000
ROUNDING = 1e-6
PLACES = st.integers(0, 1_000)
"""Which of the calls under way; the machine takes it modulo their number."""


class Job(NamedTuple):
    """A job process on the host."""

    task: int
    attempt: int
    session: str


@dataclass
class Server:
    """A run of the server: a later one takes its place."""

    end: ServerEnd
    waits_until: float
    """When the tasks that an earlier run gave to the host may be given away, by its own clock."""
    received: dict[str, list[bytes]] = field(default_factory=dict)


class Call(NamedTuple):
    """A call, or its answer, on its way. What answers to a server that is gone is lost."""

    server: Server
    request: Hello | Tell | Hear
    answer: Any = None


class RemoteMachine(RuleBasedStateMachine):
    """One host, one server at a time, and what their clocks and their network do."""

    @initialize(rate=st.floats(0.9, 1.1), lease=st.sampled_from([3.0, 15.0, 300.0]))
    def begin(self, rate, lease):
        self.rate, self.lease = rate, lease
        self.host_now = 1_000.0
        self.server_began = 0.0
        self.requests: list[Call] = []
        self.answers: list[Call] = []
        self.attempts = dict.fromkeys(TASKS, 0)
        self.on_host: dict[int, int] = {}
        self.jobs: set[Job] = set()
        self.sent_orders: dict[str, list[bytes]] = {}
        self.got_orders: dict[str, list[bytes]] = {}
        self.sent_reports: dict[str, list[bytes]] = {}
        self.epoch = 0
        self.hosts = 0
        self.start_server()
        self.start_host()
        self.calls_work()
        self.server_starts_a_task(1)
        self.calls_work()

    # Time

    @property
    def server_now(self):
        return SERVER_CLOCK + self.host_now * self.rate

    @rule(seconds=st.one_of(st.floats(0.01, 2), st.floats(2, 20), st.floats(0.9, 1.3)), is_share=st.booleans())
    def time_passes(self, seconds, is_share):
        """Of the lease, or of seconds. A host that is to kill its jobs does so within any of them."""
        self.host_now += seconds * self.lease if is_share else seconds
        self.kill_if_needed()

    @rule(which=st.sampled_from(["lease ends", "given away", "waited long enough"]), before=st.sampled_from([0, 0.01]))
    def time_passes_until(self, which, before):
        """To the moment at which something may happen, or shortly before."""
        host_now = {
            "lease ends": self.host.lease_ends_at,
            "given away": self.on_the_hosts_clock(self.server.end.gives_away_at),
            "waited long enough": self.on_the_hosts_clock(self.server.waits_until),
        }[which]
        if host_now is not None and host_now - before > self.host_now:
            self.host_now = host_now - before
            self.kill_if_needed()

    def on_the_hosts_clock(self, server_now):
        return None if server_now is None else (server_now - SERVER_CLOCK) / self.rate + ROUNDING

    def kill_if_needed(self):
        if self.host.must_kill(self.host_now):
            self.jobs.clear()
            self.host.killed()

    # The server

    @rule()
    def start_server(self):
        """Starts it, again after a kill -9. What its predecessor has sent is still under way."""
        self.epoch += 1
        waits_until = free_at(self.server_now, self.lease)
        self.server = Server(ServerEnd(self.epoch, self.lease), waits_until)

    @rule()
    def server_says_hello(self):
        self.requests.append(Call(self.server, self.server.end.hello()))

    @precondition(lambda self: self.server.end.session)
    @rule()
    def server_tells(self):
        self.requests.append(Call(self.server, self.server.end.tell()))

    @precondition(lambda self: self.server.end.session)
    @rule()
    def server_hears(self):
        self.requests.append(Call(self.server, self.server.end.hear()))

    @precondition(lambda self: self.server.end.session and len(self.on_host) < len(TASKS))
    @rule(task=st.sampled_from(TASKS))
    def server_starts_a_task(self, task):
        if task in self.on_host:
            return
        self.attempts[task] += 1
        self.on_host[task] = self.attempts[task]
        order = b"%d %d" % (task, self.attempts[task])
        self.sent_orders.setdefault(self.server.end.session, []).append(order)
        self.server.end.order(order)

    @rule()
    def server_looks_at_its_clock(self):
        if self.server.end.session is None and self.server_now >= self.server.waits_until:
            self.give_away()
        if self.server.end.give_away(self.server_now):
            self.give_away()

    def give_away(self):
        """The tasks of the host run elsewhere from now on."""
        assert not self.jobs, "given away, and runs on the host"
        self.on_host.clear()

    # The network

    @rule(is_answered=st.booleans())
    def calls_work(self, is_answered=True):
        """As long as nothing fails: most of all lives. Then both sides soon have everything."""
        end = self.server.end
        for make in ([] if end.session else [end.hello]), [end.tell, end.hear]:
            for call in make:
                if call == end.hello or end.session:
                    self.requests.append(Call(self.server, call()))
                    self.a_call_arrives(len(self.requests) - 1, is_repeated=False)
                    if is_answered:
                        self.an_answer_arrives(len(self.answers) - 1)
        if is_answered and end.session and self.host.lease_ends_at is not None:
            assert self.got_orders.get(end.session, []) == self.sent_orders.get(end.session, [])
            assert self.server.received.get(end.session, []) == self.sent_reports.get(end.session, [])

    @precondition(lambda self: self.requests)
    @rule(place=PLACES, is_repeated=st.booleans())
    def a_call_arrives(self, place, is_repeated):
        place %= len(self.requests)
        call = self.requests[place] if is_repeated else self.requests.pop(place)
        try:
            answer = self.answer_to(call.request)
        except (SessionOver, StaleEpoch, JobsAlive) as refusal:
            answer = refusal
        self.answers.append(call._replace(answer=answer))

    def answer_to(self, request):
        match request:
            case Hello():
                return self.host.hello(request, self.host_now)
            case Hear():
                return self.host.hear(request, self.host_now)
            case Tell():
                last, orders = self.host.tell(request, self.host_now)
                for order in orders:
                    task, attempt = map(int, order.split())
                    self.jobs.add(Job(task, attempt, request.session))
                    self.got_orders.setdefault(request.session, []).append(order)
                return last

    @precondition(lambda self: self.answers)
    @rule(place=PLACES)
    def an_answer_arrives(self, place):
        call = self.answers.pop(place % len(self.answers))
        if call.server is not self.server:
            return
        end = self.server.end
        match call.answer:
            case Welcome():
                if end.welcomed(call.request, call.answer, self.server_now):
                    self.give_away()
            case Heard():
                new = end.heard(call.request.session, call.answer, self.server_now)
                self.server.received.setdefault(call.request.session, []).extend(new)
            case SessionOver():
                if end.refused(call.request.session):
                    self.give_away()
            case int():
                end.told(call.request.session, call.answer)

    @precondition(lambda self: self.requests)
    @rule(place=PLACES)
    def a_call_is_lost(self, place):
        self.requests.pop(place % len(self.requests))

    @precondition(lambda self: self.answers)
    @rule(place=PLACES)
    def an_answer_is_lost(self, place):
        self.answers.pop(place % len(self.answers))

    # The host

    @rule()
    def start_host(self):
        """Starts it, again after a kill -9: it waits until all processes of its predecessor are dead."""
        self.jobs.clear()
        self.hosts += 1
        self.host = HostEnd(f"host{self.hosts}")

    @rule()
    def host_kills_what_it_has_to(self):
        self.kill_if_needed()

    @precondition(lambda self: self.jobs)
    @rule(place=PLACES, ends=st.booleans())
    def a_job_reports(self, place, ends):
        job = sorted(self.jobs)[place % len(self.jobs)]
        sent = self.sent_reports.setdefault(job.session, [])
        message = b"%d of %d %d" % (len(sent), job.task, job.attempt)
        sent.append(message)
        self.host.report(job.session, message)
        if ends:
            self.jobs.discard(job)

    @precondition(lambda self: self.got_orders)
    @rule(place=PLACES)
    def a_job_that_was_killed_has_reported(self, place):
        """What was read of its pipe after its session had ended."""
        session = sorted(self.got_orders)[place % len(self.got_orders)]
        if session != self.host.session:
            self.host.report(session, b"late")

    # The promises

    @invariant()
    def what_runs_on_the_host_was_not_given_away(self):
        for job in self.jobs:
            assert self.on_host.get(job.task) == job.attempt, f"{job} runs, and {self.on_host} says otherwise"

    @invariant()
    def the_lease_of_the_host_ends_before_its_tasks_are_given_away(self):
        """At any moment, however far away both are. A server that knows nothing of the session waits from its start."""
        ends_at = self.host.lease_ends_at
        if ends_at is None or ends_at <= self.host_now:
            return
        is_known = self.server.end.session == self.host.session
        gives_away_at = self.server.end.gives_away_at if is_known else self.server.waits_until
        assert gives_away_at is not None, "the host has a lease that the server did not grant"
        assert ends_at <= self.on_the_hosts_clock(gives_away_at)

    @invariant()
    def jobs_run_once_and_with_a_lease(self):
        tasks = [job.task for job in self.jobs]
        assert len(tasks) == len(set(tasks))
        if self.jobs and not self.host.must_kill(self.host_now):
            assert self.host_now < self.host.lease_ends_at

    @invariant()
    def orders_and_reports_arrive_once_and_in_order(self):
        for session, got in self.got_orders.items():
            assert got == self.sent_orders[session][: len(got)]
        for session, got in self.server.received.items():
            assert got == self.sent_reports.get(session, [])[: len(got)]


def lives(examples, steps):
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def test_no_task_runs_where_it_was_given_away_and_every_message_arrives_once_and_in_order():
    run_state_machine_as_test(RemoteMachine, settings=lives(500, 60))


@pytest.mark.slow
def test_the_same_in_many_long_lives():
    run_state_machine_as_test(RemoteMachine, settings=lives(20_000, 150))
