"""Random lives of a host and its servers: whatever becomes of their calls, no task runs on a host after the server has
given it away, and every order and report arrives once and in order.

Calls are delayed, lost, repeated and reordered; the clocks run at 0.9 to 1.1 of each other; both sides restart at any
moment. Four machines live in the same world, each with few rules, so that rare sequences of them come up often.
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

from jobs.engines.remote import exchange
from jobs.engines.remote.exchange import (
    Hear,
    Heard,
    Hello,
    HostEnd,
    JobsAlive,
    Overtaken,
    ServerEnd,
    SessionOver,
    Tell,
    Welcome,
)
from jobs.engines.remote.lease import free_at, kill_seconds

TASKS = (1, 2)
MOST_MESSAGES = 3
MOST_BYTES = 30
SERVER_CLOCK = 50_000
ROUNDING = 1e-6
WHICH = st.sampled_from([0, -1, 0, -1, 0, -1, 1, 2, 3, 5, 8])
"""Which of the calls under way: the oldest, the newest, or any; the machine takes it modulo their number."""


class Job(NamedTuple):
    """A job process on the host."""

    task: int
    attempt: int
    session: str


@dataclass(eq=False)
class Server:
    """A run of the server: a later one takes its place."""

    end: ServerEnd
    received: dict[str, list[bytes]] = field(default_factory=dict)


class Call(NamedTuple):
    """A call, or its answer, on its way. What answers to a server that is gone is lost."""

    server: Server
    request: Hello | Tell | Hear
    answer: Any = None


def assert_is_small(messages):
    assert len(messages) <= MOST_MESSAGES
    assert len(messages) <= 1 or sum(map(len, messages)) <= MOST_BYTES


class World(RuleBasedStateMachine):
    """One host, one server at a time, and what their clocks and their network do."""

    leases = (3.0, 15.0, 300.0)

    @initialize(rate=st.sampled_from([0.9, 1.0, 1.1]), data=st.data())
    def begin(self, rate, data):
        self.rate, self.lease = rate, data.draw(st.sampled_from(self.leases))
        self.host_now = 1_000.0
        self.dead_by = 0.0
        self.requests: list[Call] = []
        self.answers: list[Call] = []
        self.attempts = dict.fromkeys(TASKS, 0)
        self.on_host: dict[int, int] = {}
        self.jobs: set[Job] = set()
        self.sent_orders: dict[str, list[bytes]] = {}
        self.got_orders: dict[str, list[bytes]] = {}
        self.sent_reports: dict[str, list[bytes]] = {}
        self.newest_answers: dict[str, tuple[float, float]] = {}
        self.epoch = 0
        self.epoch_of_another = 0
        self.hosts = 0
        self.start_server()
        self.start_host()
        self.nothing_fails()
        self.start_a_task(1)
        self.nothing_fails()

    # Both sides

    def start_server(self):
        """Starts it, again after a kill -9. What its predecessor has sent is still under way."""
        self.epoch += 1
        waits_until = free_at(self.server_now, self.lease)
        self.server = Server(ServerEnd(f"server{self.epoch}", self.epoch, self.lease, waits_until))

    def start_host(self):
        """Starts it, again after a kill -9: it waits until all processes of its predecessor are dead."""
        self.jobs.clear()
        self.killed: list[Job] = []
        self.hosts += 1
        self.host = HostEnd(f"host{self.hosts}")
        self.newest: Hello | None = None
        self.opened_for: Server | None = None

    def start_a_task(self, task):
        if self.server.end.session and task not in self.on_host:
            self.attempts[task] += 1
            self.on_host[task] = self.attempts[task]
            self.order(b"%d %d" % (task, self.attempts[task]))

    def order(self, message):
        self.sent_orders.setdefault(self.server.end.session, []).append(message)
        self.server.end.order(message)

    def report(self, job, ends, length=0):
        sent = self.sent_reports.setdefault(job.session, [])
        message = (b"%d %d %d %d" % (job.task, job.attempt, ends, len(sent))).ljust(length)
        if job.session == self.host.session:
            sent.append(message)
        self.host.report(job.session, message)
        if ends:
            self.jobs.discard(job)

    def give_away(self):
        """The tasks of the host run elsewhere from now on."""
        assert not self.jobs, "given away, and runs on the host"
        assert self.server.end.session or self.server.end.gives_away_at is None, "there is nothing left to give away"
        self.on_host.clear()

    def look_at_the_servers_clock(self):
        if self.server.end.give_away(self.server_now):
            assert self.server.end.session is None
            self.give_away()

    def kill_if_needed(self):
        if self.host.must_kill(self.host_now):
            self.killed = sorted(self.jobs)
            self.jobs.clear()
            self.host.killed()

    # Time

    @property
    def server_now(self):
        return SERVER_CLOCK + self.host_now * self.rate

    def on_the_hosts_clock(self, server_now):
        return (server_now - SERVER_CLOCK) / self.rate + ROUNDING

    def wait_until(self, host_now):
        """Lets time pass. The host kills at the last moment that it may."""
        if self.jobs and host_now >= self.dead_by:
            self.host_now = max(self.host_now, self.dead_by)
            assert self.host.must_kill(self.host_now), "no lease, and no kill"
            self.kill_if_needed()
        self.host_now = max(self.host_now, host_now)

    # The network

    @rule(is_hear=st.booleans())
    def a_call_is_made(self, is_hear):
        end = self.server.end
        make = end.hello if end.session is None else end.hear if is_hear else end.tell
        self.requests.append(Call(self.server, make()))

    @rule(is_hear=st.booleans())
    def an_answer_is_late(self, is_hear):
        """To a call that has arrived at once."""
        self.a_call_is_made(is_hear)
        self.a_call_arrives(-1, is_repeated=False, kills_at_once=True)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, is_repeated=st.booleans(), kills_at_once=st.booleans())
    def a_call_arrives(self, which, is_repeated, kills_at_once):
        place = which % len(self.requests)
        call = self.requests[place] if is_repeated else self.requests.pop(place)
        session, runs_until = self.host.session, self.host.runs_until or 0
        is_in_use = session is not None and call.server.end.session == session
        answer = self.answer_to(call)
        if kills_at_once and isinstance(answer, JobsAlive):
            self.kill_if_needed()
            answer = self.answer_to(call)
        is_newer = isinstance(call.request, Hello) and self.is_newer(call.request)
        if is_newer:
            self.newest = call.request
        if self.host_now < runs_until and (is_in_use or not is_newer):
            assert self.host.session == session, "a late call has ended the session"
            assert self.host.runs_until >= runs_until, "a late call has shortened the lease"
        if isinstance(answer, Welcome):
            self.opened_for = call.server
        if self.host.runs_until is not None:
            self.dead_by = self.host.runs_until + kill_seconds(self.lease)
        self.answers.append(call._replace(answer=answer))

    def is_newer(self, hello):
        newest = self.newest
        if newest is None or hello.epoch > newest.epoch:
            return True
        return hello.server == newest.server and hello.serial > newest.serial

    def answer_to(self, call):
        try:
            match call.request:
                case Hello():
                    return self.host.hello(call.request, self.host_now)
                case Hear():
                    heard = self.host.hear(call.request, self.host_now)
                    assert_is_small(heard.reports)
                    return heard
                case Tell():
                    assert_is_small(call.request.orders)
                    last, orders = self.host.tell(call.request, self.host_now)
                    for order in orders:
                        self.take_order(call.request.session, order)
                    return last
        except (SessionOver, Overtaken, JobsAlive) as refusal:
            return refusal

    def take_order(self, session, order):
        self.got_orders.setdefault(session, []).append(order)
        if not order.startswith(b"other"):
            task, attempt = map(int, order.split())
            self.jobs.add(Job(task, attempt, session))

    @precondition(lambda self: self.answers)
    @rule(which=WHICH, is_repeated=st.booleans())
    def an_answer_arrives(self, which, is_repeated):
        place = which % len(self.answers)
        call = self.answers[place] if is_repeated else self.answers.pop(place)
        if call.server is not self.server:
            return
        end, session = self.server.end, getattr(call.request, "session", None)
        match call.answer:
            case Welcome() as welcome:
                if end.welcomed(call.request, welcome, self.server_now):
                    self.newest_answers[end.session] = welcome.beat, self.server_now
                    self.give_away()
                    self.start_a_task(1)
            case Heard() as heard:
                new = end.heard(session, heard, self.server_now)
                assert not new or session == end.session
                if session == end.session and heard.beat > self.newest_answers[session][0]:
                    self.newest_answers[session] = heard.beat, self.server_now
                for report in new:
                    self.take_report(report)
            case SessionOver() if session:
                if end.refused(session):
                    self.give_away()
            case Overtaken():
                if end.overtaken(call.request):
                    self.another_server_goes_before()
            case int() as last:
                end.told(session, last)

    @rule()
    def all_answers_under_way_arrive(self):
        for _ in range(len(self.answers)):
            self.an_answer_arrives(0, is_repeated=False)

    def take_report(self, report):
        self.server.received.setdefault(self.server.end.session, []).append(report)
        task, attempt, ends, _ = map(int, report.split())
        assert self.on_host[task] == attempt
        if ends:
            del self.on_host[task]

    def another_server_goes_before(self):
        raise AssertionError("there is no other server")

    @rule(leaves_copies=st.booleans())
    def nothing_fails(self, leaves_copies=False):
        """For a while: most of all lives. Then each side soon has everything, and the lease is as long as it gets. What
        is repeated of it may still arrive later."""
        for _ in range(100):
            end = self.server.end
            for make in (end.tell, end.hear) if end.session else (end.hello,):
                if end.session or make == end.hello:
                    self.requests.append(Call(self.server, make()))
                    self.a_call_arrives(-1, is_repeated=leaves_copies, kills_at_once=True)
                    self.an_answer_arrives(-1, is_repeated=leaves_copies)
            if self.has_all() and self.dead_by == pytest.approx(self.host_now + self.lease):
                return
        raise AssertionError("something never arrives")

    def has_all(self):
        session = self.server.end.session
        return session and (
            self.got_orders.get(session, []) == self.sent_orders.get(session, [])
            and self.server.received.get(session, []) == self.sent_reports.get(session, [])
        )

    # The promises

    @invariant()
    def what_runs_on_the_host_was_not_given_away(self):
        for job in self.jobs:
            assert self.on_host.get(job.task) == job.attempt, f"{job} runs, and {self.on_host} says otherwise"

    @invariant()
    def all_jobs_on_the_host_are_of_its_session_or_being_killed(self):
        if self.host.session:
            assert {job.session for job in self.jobs} <= {self.host.session}
        elif self.jobs:
            assert self.host.must_kill(self.host_now)

    @invariant()
    def the_jobs_of_the_host_are_dead_before_its_tasks_are_given_away(self):
        """At any moment, however far away both are. A server that knows nothing of the session waits from its start."""
        is_used = self.host.session and self.opened_for.end.session == self.host.session
        if (self.jobs or is_used) and self.dead_by > self.host_now:
            gives_away_at = self.server.end.gives_away_at
            assert gives_away_at is not None, "the host has a lease that the server did not grant"
            assert self.dead_by <= self.on_the_hosts_clock(gives_away_at)

    @invariant()
    def tasks_are_given_away_soon_after_the_last_new_answer(self):
        session = self.server.end.session
        if session:
            latest = self.newest_answers[session][1] + self.lease + max(3, self.lease / 10)
            assert self.server.end.gives_away_at <= latest + ROUNDING

    @invariant()
    def orders_and_reports_arrive_once_and_in_order(self):
        for session, got in self.got_orders.items():
            assert got == self.sent_orders[session][: len(got)]
        for session, got in self.server.received.items():
            assert got == self.sent_reports.get(session, [])[: len(got)]


class Leases(World):
    """One host, one server, and much time."""

    @rule(seconds=st.floats(0.01, 0.5), is_share=st.booleans())
    def time_passes(self, seconds, is_share):
        """Seconds, or parts of the lease."""
        self.wait_until(self.host_now + seconds * (self.lease if is_share else 4))

    @rule(is_given_away=st.booleans(), before=st.sampled_from([0, 0.01]))
    def time_passes_until_an_end(self, is_given_away, before):
        """To the moment at which something may happen, or shortly before."""
        gives_away_at = self.server.end.gives_away_at
        if not is_given_away:
            self.wait_until((self.host.runs_until or 0) - before)
        elif gives_away_at is not None:
            self.wait_until(self.on_the_hosts_clock(gives_away_at) - before)

    @rule()
    def the_server_looks_at_its_clock(self):
        self.look_at_the_servers_clock()

    @rule(is_done=st.booleans())
    def the_host_kills_if_it_has_to(self, is_done):
        if self.host.must_kill(self.host_now) and is_done:
            self.kill_if_needed()

    @rule(task=st.sampled_from(TASKS))
    def a_task_starts(self, task):
        self.start_a_task(task)


LENGTHS = st.sampled_from([(5,), (5, 14, 5), (5, 31), (31, 31)])
"""Of some messages: three of them fit into a call, or two, or one."""


class Messages(World):
    """Orders and reports in one session, more than go with one call."""

    leases = (1_000.0,)

    @precondition(lambda self: self.server.end.session)
    @rule(lengths=LENGTHS)
    def the_server_gives_orders(self, lengths):
        for length in lengths:
            self.order(b"other".ljust(length))

    @precondition(lambda self: self.jobs)
    @rule(lengths=LENGTHS)
    def a_job_reports(self, lengths):
        for length in lengths:
            self.report(min(self.jobs), ends=False, length=length)

    @rule(task=st.sampled_from(TASKS))
    def a_task_starts(self, task):
        self.start_a_task(task)

    @precondition(lambda self: self.jobs)
    @rule()
    def a_job_ends(self):
        self.report(min(self.jobs), ends=True)


class Sessions(World):
    """A session after the other: the host restarts, and leases end."""

    @rule(is_noticed=st.booleans())
    def the_host_is_killed_and_starts_again(self, is_noticed):
        self.start_host()
        if is_noticed:
            self.nothing_fails()

    @rule(is_given_away=st.booleans())
    def the_lease_ends(self, is_given_away):
        """For the server too, or the host has just noticed it, and is killing."""
        gives_away_at = self.server.end.gives_away_at
        if is_given_away and gives_away_at is not None:
            self.wait_until(self.on_the_hosts_clock(gives_away_at))
            self.look_at_the_servers_clock()
        else:
            self.wait_until(self.host.runs_until or 0)
            self.host.must_kill(self.host_now)

    @rule()
    def the_host_kills_if_it_has_to(self):
        self.kill_if_needed()

    @rule(task=st.sampled_from(TASKS))
    def a_task_starts(self, task):
        self.start_a_task(task)

    @precondition(lambda self: self.jobs or self.killed)
    @rule()
    def a_job_reports(self):
        """Of one that was killed, this is what was read of its pipe after that."""
        self.report(min([*self.killed, *self.jobs]), ends=False)


class Servers(World):
    """A server after the other, and one too many. The host restarts as well."""

    @rule(says_hello=st.booleans())
    def the_server_is_killed_and_starts_again(self, says_hello):
        """If it says hello, then twice, since the first answer is late."""
        self.start_server()
        if says_hello:
            self.an_answer_is_late(is_hear=False)
            self.a_call_is_made(is_hear=False)

    @rule()
    def another_server_with_this_epoch_says_hello(self):
        """One whose data are a copy."""
        self.epoch_of_another = self.epoch
        rival = Server(ServerEnd(f"rival{self.epoch}", self.epoch, self.lease, None))
        self.requests.append(Call(rival, rival.end.hello()))

    def another_server_goes_before(self):
        """Then this one ends, and its next run has a higher epoch."""
        assert self.epoch_of_another == self.epoch
        self.start_server()

    @rule()
    def the_host_is_killed_and_starts_again(self):
        self.start_host()

    @rule()
    def the_server_gives_up_waiting(self):
        if self.server.end.session is None and self.server.end.gives_away_at is not None:
            self.wait_until(self.on_the_hosts_clock(self.server.end.gives_away_at))
            self.look_at_the_servers_clock()

    @rule()
    def the_host_kills_if_it_has_to(self):
        self.kill_if_needed()


class Everything(Servers, Sessions, Leases, Messages):
    """All of it in one life."""

    leases = World.leases


@pytest.fixture(autouse=True)
def small_calls(monkeypatch):
    monkeypatch.setattr(exchange, "MOST_MESSAGES", MOST_MESSAGES)
    monkeypatch.setattr(exchange, "MOST_BYTES", MOST_BYTES)


def lives(examples, steps):
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


@pytest.mark.parametrize("machine", [Leases, Messages, Sessions, Servers])
def test_no_task_runs_where_it_was_given_away_and_every_message_arrives_once_and_in_order(machine):
    run_state_machine_as_test(machine, settings=lives(150, 40))


@pytest.mark.parametrize("machine", [Leases, Messages, Sessions, Servers, Everything])
@pytest.mark.slow
def test_the_same_in_many_long_lives(machine):
    run_state_machine_as_test(machine, settings=lives(800, 100))
