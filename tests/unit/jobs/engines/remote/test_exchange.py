"""The calls between a server and a host: orders and reports by their numbers, sessions, epochs."""

from __future__ import annotations

import pytest

from jobs.engines.remote.exchange import (
    MOST_MESSAGES,
    Heard,
    HostEnd,
    Inbox,
    JobsAlive,
    Outbox,
    ServerEnd,
    SessionOver,
    StaleEpoch,
    Welcome,
)

LEASE = 15


def greet(server, host, now=100):
    """Opens a session, or finds the open one. Returns whether the server takes it for a new one."""
    hello = server.hello()
    return server.welcomed(hello, host.hello(hello, now), now)


def exchange(server, host, now=101):
    """Makes both calls. Returns the new orders and the new reports."""
    tell = server.tell()
    last, orders = host.tell(tell, now)
    server.told(tell.session, last)
    hear = server.hear()
    return list(orders), list(server.heard(hear.session, host.hear(hear, now), now))


@pytest.fixture
def host():
    return HostEnd("ceph3")


@pytest.fixture
def server(host):
    """A server in a session with the host."""
    server = ServerEnd(1, LEASE)
    assert greet(server, host)
    return server


# Numbers


def test_an_inbox_takes_each_message_once_and_none_after_a_gap():
    inbox = Inbox()
    assert inbox.take(1, "ab") == "ab"
    assert inbox.take(1, "abc") == "c"
    assert inbox.take(2, "bc") == ""
    assert (inbox.take(5, "e"), inbox.last) == ((), 3)
    assert inbox.take(4, "de") == "de"


def test_an_outbox_retains_messages_until_they_are_confirmed():
    outbox = Outbox()
    for message in "abc":
        outbox.add(message)
    assert outbox.next() == (1, ["a", "b", "c"])
    outbox.confirm(2)
    outbox.confirm(1)
    assert (outbox.next(), len(outbox)) == ((3, ["c"]), 1)
    outbox.confirm(99)
    assert outbox.next() == (4, [])


def test_one_call_carries_a_bounded_number_of_messages_and_the_next_call_the_others(server, host):
    for number in range(MOST_MESSAGES + 1):
        server.order(b"%d" % number)
    first, _ = exchange(server, host)
    second, _ = exchange(server, host)
    assert (len(first), second) == (MOST_MESSAGES, [b"%d" % MOST_MESSAGES])


def test_orders_and_reports_go_across_once(server, host):
    server.order(b"start")
    host.report(server.session, b"round 1")
    assert exchange(server, host) == ([b"start"], [b"round 1"])
    assert exchange(server, host) == ([], [])


def test_what_a_lost_answer_left_open_is_repeated_and_taken_once(server, host):
    server.order(b"start")
    host.report(server.session, b"round 1")
    host.tell(server.tell(), 101)
    host.hear(server.hear(), 101)
    assert exchange(server, host) == ([], [b"round 1"])


# Sessions


def test_a_hello_finds_the_open_session_with_all_that_is_in_it(server, host):
    server.order(b"start")
    host.tell(server.tell(), 101)
    session = server.session
    assert not greet(server, host, 102)
    assert (server.session, exchange(server, host, 103)) == (session, ([], []))


def test_at_the_end_of_its_lease_a_host_kills_its_jobs_and_says_so_only_when_they_are_dead(server, host):
    tell = server.tell()
    host.tell(tell, 101)
    assert (host.lease_ends_at, host.must_kill(114.9)) == (115, False)
    assert host.must_kill(115)
    for call, request in ((host.tell, tell), (host.hear, server.hear()), (host.hello, server.hello())):
        with pytest.raises(JobsAlive):
            call(request, 115)

    host.killed()
    with pytest.raises(SessionOver):
        host.tell(tell, 115)
    assert server.refused(tell.session)
    assert greet(server, host, 116)
    assert server.session != tell.session


def test_a_call_that_finds_a_lease_over_ends_it_though_nobody_looked_at_the_clock(server, host):
    tell = server.tell()
    host.tell(tell, 101)
    with pytest.raises(JobsAlive):
        host.tell(tell, 115)
    assert host.must_kill(115)


def test_a_report_of_an_ended_session_is_ignored(server, host):
    old = server.session
    host.tell(server.tell(), 101)
    assert host.must_kill(115)
    host.killed()
    host.report(old, b"late")
    greet(server, host, 116)
    host.report(old, b"later")
    assert exchange(server, host, 117) == ([], [])


def test_a_host_that_restarts_knows_no_session(server):
    with pytest.raises(SessionOver):
        HostEnd("ceph3 again").tell(server.tell(), 101)


def test_answers_to_calls_of_an_earlier_session_change_nothing(server, host):
    old = server.session
    host.tell(server.tell(), 101)
    assert host.must_kill(115)
    host.killed()
    greet(server, host, 116)
    server.order(b"start")

    server.told(old, 1)
    assert server.heard(old, Heard(beat=9, first=1, reports=[b"of then"]), 117) == ()
    assert not server.refused(old)
    assert exchange(server, host, 117) == ([b"start"], [])


def test_the_answer_to_an_earlier_hello_does_not_bring_back_an_earlier_session(server, host):
    early = server.hello()
    late = host.hello(early, 100)
    host.tell(server.tell(), 101)
    assert host.must_kill(115)
    host.killed()
    assert greet(server, host, 116)
    session = server.session
    assert not server.welcomed(early, late, 117)
    assert server.session == session


# Epochs


def test_a_server_with_a_higher_epoch_ends_the_session_of_the_one_before(server, host):
    tell = server.tell()
    host.tell(tell, 101)
    later = ServerEnd(2, LEASE)
    with pytest.raises(JobsAlive):
        greet(later, host, 102)
    assert host.must_kill(102)
    host.killed()
    assert greet(later, host, 103)
    with pytest.raises(SessionOver):
        host.tell(tell, 103)
    with pytest.raises(StaleEpoch):
        host.hello(server.hello(), 103)
    assert exchange(later, host, 104) == ([], [])


# When the host is silent


def test_the_server_gives_tasks_away_when_the_lease_and_its_margin_are_over(server, host):
    assert (server.gives_away_at, server.tell().confirmed_beat) == (None, 1)
    assert server.gives_away_at == 118
    assert not server.give_away(117.9)
    assert server.give_away(118)
    assert (server.session, server.give_away(200)) == (None, False)


def test_a_session_in_which_nothing_was_called_runs_nothing(server):
    assert server.give_away(100)


def test_a_host_that_answers_again_in_time_goes_on_where_it_was(server, host):
    server.order(b"start")
    host.tell(server.tell(), 101)
    host.report(server.session, b"round 1")
    server.hear()
    assert not server.give_away(114)
    assert exchange(server, host, 114) == ([], [b"round 1"])


def test_welcome_names_the_session_of_this_run_of_the_host():
    host = HostEnd("ceph3-1")
    assert host.hello(ServerEnd(1, LEASE).hello(), 100) == Welcome("ceph3-1-1", 1)
