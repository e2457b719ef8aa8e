"""The calls between a server and a host: orders and reports by their numbers, sessions, epochs."""

from __future__ import annotations

import pytest

from jobs.engines.remote.exchange import (
    MOST_BYTES,
    MOST_MESSAGES,
    Heard,
    HostEnd,
    Inbox,
    JobsAlive,
    Outbox,
    Overtaken,
    ServerEnd,
    SessionOver,
    Welcome,
)

LEASE = 15


def a_server(epoch=1, name=None, waits_until=None):
    return ServerEnd(name or f"server{epoch}", epoch, LEASE, waits_until)


def greet(server, host, now=100):
    """Opens a session. Returns whether the server takes the answer."""
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
    server = a_server()
    assert greet(server, host)
    return server


# Numbers


def test_an_inbox_takes_each_message_once_and_none_after_a_gap():
    inbox = Inbox()
    assert inbox.take(1, "ab") == "ab"
    assert inbox.take(1, "abc") == "c"
    assert inbox.take(2, "bc") == ""
    with pytest.raises(AssertionError, match="has forgotten messages"):
        inbox.take(5, "e")
    assert inbox.last == 3
    assert inbox.take(4, "de") == "de"


def test_an_outbox_retains_messages_until_they_are_confirmed():
    outbox = Outbox()
    for message in (b"a", b"b", b"c"):
        outbox.add(message)
    assert outbox.next() == (1, [b"a", b"b", b"c"])
    outbox.confirm(2)
    outbox.confirm(1)
    assert (outbox.next(), len(outbox)) == ((3, [b"c"]), 1)
    with pytest.raises(AssertionError, match="were not sent"):
        outbox.confirm(4)
    assert outbox.next() == (3, [b"c"])
    outbox.confirm(3)
    assert outbox.next() == (4, [])


def test_one_call_carries_a_bounded_number_of_messages_and_the_next_call_the_others(server, host):
    for number in range(MOST_MESSAGES + 1):
        server.order(b"%d" % number)
    first, _ = exchange(server, host)
    second, _ = exchange(server, host)
    assert (len(first), second) == (MOST_MESSAGES, [b"%d" % MOST_MESSAGES])


def test_one_call_carries_a_bounded_number_of_bytes_unless_a_single_message_is_longer(server, host):
    half, too_long = b"x" * (MOST_BYTES // 2), b"x" * (MOST_BYTES + 1)
    for report in (half, half, b"y", too_long, b"z"):
        host.report(server.session, report)
    calls = [exchange(server, host)[1] for _ in range(4)]
    assert calls == [[half, half], [b"y"], [too_long], [b"z"]]


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


def test_a_hello_that_is_repeated_finds_the_session_that_it_has_opened(host):
    server = a_server()
    hello = server.hello()
    first, second = host.hello(hello, 100), host.hello(hello, 101)
    assert (first.session, first.beat, second.beat) == (second.session, 100, 101)
    assert server.welcomed(hello, second, 102)
    server.order(b"start")
    assert exchange(server, host) == ([b"start"], [])

    assert host.hello(hello, 103).session == server.session
    assert not host.must_kill(103)
    assert not server.welcomed(hello, first, 103)
    assert exchange(server, host) == ([], [])


def test_a_later_hello_ends_the_session_of_an_earlier_one_whose_answer_was_lost(host):
    server = a_server()
    lost = host.hello(server.hello(), 100)
    hello = server.hello()
    with pytest.raises(JobsAlive):
        host.hello(hello, 101)
    assert host.must_kill(101)
    host.killed()
    assert server.welcomed(hello, host.hello(hello, 101), 101)
    assert server.session != lost.session


def test_an_earlier_hello_that_comes_late_is_refused_and_interrupts_nothing(host):
    server = a_server()
    early = server.hello()
    assert greet(server, host)
    with pytest.raises(Overtaken):
        host.hello(early, 101)
    assert not server.overtaken(early), "by itself"
    assert (host.session, host.must_kill(101)) == (server.session, False)


def test_at_the_end_of_its_lease_a_host_kills_its_jobs_and_says_so_only_when_they_are_dead(server, host):
    tell, hear = server.tell(), server.hear()
    host.tell(tell, 101)
    assert (host.runs_until, host.must_kill(113.9)) == (114, False)
    assert host.must_kill(114)
    for call, request in ((host.tell, tell), (host.hear, hear), (host.hello, a_server().hello())):
        with pytest.raises(JobsAlive):
            call(request, 114)

    host.killed()
    with pytest.raises(SessionOver):
        host.tell(tell, 114)
    assert server.refused(tell.session)
    assert (server.gives_away_at, server.refused(tell.session)) == (None, False)
    assert greet(server, host, 116)
    assert server.session != tell.session


def test_a_call_that_finds_a_lease_over_ends_it_though_nobody_looked_at_the_clock(server, host):
    tell = server.tell()
    host.tell(tell, 101)
    with pytest.raises(JobsAlive):
        host.tell(tell, 114)
    assert host.must_kill(114)


def test_a_session_without_a_call_ends_with_the_lease_of_its_welcome(server, host):
    assert (host.must_kill(113.9), host.must_kill(114)) == (False, True)


def test_a_report_of_an_ended_session_is_ignored(server, host):
    old = server.session
    host.tell(server.tell(), 101)
    assert host.must_kill(114)
    host.killed()
    server.refused(old)
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
    assert host.must_kill(114)
    host.killed()
    server.refused(old)
    greet(server, host, 116)
    server.order(b"start")

    server.told(old, 1)
    assert server.heard(old, Heard(beat=999, first=1, reports=[b"of then"]), 117) == ()
    assert not server.refused(old)
    assert server.gives_away_at == 116 + LEASE + 3
    assert exchange(server, host, 117) == ([b"start"], [])


def test_the_answer_to_an_earlier_hello_does_not_bring_back_an_earlier_session(host):
    server = a_server()
    early = server.hello()
    late = host.hello(early, 100)
    hello = server.hello()
    assert not server.welcomed(early, late, 101)
    with pytest.raises(JobsAlive):
        host.hello(hello, 101)
    host.killed()
    assert server.welcomed(hello, host.hello(hello, 102), 102)


def test_a_second_hello_would_end_the_session(server):
    with pytest.raises(AssertionError, match="would end the session"):
        server.hello()


# Servers


def test_a_server_with_a_higher_epoch_ends_the_session_of_the_one_before(server, host):
    tell = server.tell()
    host.tell(tell, 101)
    later = a_server(epoch=2)
    hello = later.hello()
    with pytest.raises(JobsAlive):
        host.hello(hello, 102)
    assert host.must_kill(102)
    host.killed()
    assert later.welcomed(hello, host.hello(hello, 103), 103)
    with pytest.raises(SessionOver):
        host.tell(tell, 103)
    assert server.refused(tell.session)
    assert exchange(later, host, 104) == ([], [])


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_server_that_has_no_higher_epoch_than_another_one_is_refused(host, epoch):
    assert greet(a_server(epoch=2), host)
    session = host.session
    other = a_server(epoch=epoch, name="copy")
    for _ in range(2):
        hello = other.hello()
        with pytest.raises(Overtaken):
            host.hello(hello, 101)
        assert other.overtaken(hello)
    assert (host.session, host.must_kill(101)) == (session, False)


# When the host is silent


def test_the_server_gives_tasks_away_when_the_lease_and_its_margin_are_over(server, host):
    assert server.gives_away_at == 118
    hear = server.hear()
    assert hear.confirmed_beat == 100
    server.heard(hear.session, host.hear(hear, 105), 106)
    assert server.gives_away_at == 118
    server.tell()
    assert server.gives_away_at == 124
    assert not server.give_away(123.9)
    assert server.give_away(124)
    assert (server.session, server.gives_away_at, server.give_away(200)) == (None, None, False)


def test_a_server_that_starts_waits_for_the_leases_that_earlier_ones_have_granted():
    server = a_server(epoch=2, waits_until=118)
    assert (server.gives_away_at, server.give_away(117.9)) == (118, False)
    assert server.give_away(118)
    assert (server.gives_away_at, server.give_away(200)) == (None, False)


def test_a_server_that_starts_waits_no_longer_once_the_host_has_answered(host):
    server = a_server(epoch=2, waits_until=118)
    assert greet(server, host, 101)
    assert server.gives_away_at == 101 + LEASE + 3
    assert server.refused(server.session)
    assert server.gives_away_at is None


def test_a_host_that_answers_again_in_time_goes_on_where_it_was(server, host):
    server.order(b"start")
    host.tell(server.tell(), 101)
    host.report(server.session, b"round 1")
    server.hear()
    assert not server.give_away(113)
    assert exchange(server, host, 113) == ([], [b"round 1"])


def test_welcome_names_the_session_of_this_run_of_the_host():
    host = HostEnd("ceph3-1")
    assert host.hello(a_server().hello(), 100) == Welcome(session="ceph3-1-1", beat=100)
