"""The lease of a host: until when it runs jobs, and from when on the server runs their tasks elsewhere."""

from __future__ import annotations

import pytest

from jobs.engines.remote.lease import MOST_BEATS, HostLease, ServerLease, free_at, margin_seconds


@pytest.mark.parametrize(("lease", "margin"), [(3, 3), (15, 3), (30, 3), (31, 3.1), (600, 60)])
def test_the_margin_is_a_tenth_of_the_lease_and_at_least_three_seconds(lease, margin):
    assert margin_seconds(lease) == pytest.approx(margin)
    assert free_at(100, lease) == pytest.approx(100 + lease + margin)


def test_a_host_may_run_jobs_from_the_first_confirmation_until_the_lease_after_it_sent_the_beat():
    lease = HostLease(15)
    beat = lease.beat(100)
    assert (lease.ends_at, lease.is_over(10_000)) == (None, False)

    assert lease.confirm(beat, now=114)
    assert lease.ends_at == 115, "not 15 s after the confirmation, which may have been delayed"
    assert [lease.is_over(now) for now in (114.9, 115)] == [False, True]


def test_each_confirmed_beat_extends_the_lease_and_a_late_confirmation_of_an_earlier_one_changes_nothing():
    lease = HostLease(15)
    first, second = lease.beat(100), lease.beat(102)
    assert lease.confirm(second, 103)
    assert lease.confirm(first, 104)
    assert lease.confirm(second, 105)
    assert lease.ends_at == 117


def test_a_lease_that_is_over_stays_over():
    lease = HostLease(15)
    first, second = lease.beat(100), lease.beat(110)
    assert lease.confirm(first, 101)
    assert not lease.confirm(second, 115)
    assert lease.is_over(115)


def test_a_lease_whose_first_confirmation_comes_too_late_never_begins():
    lease = HostLease(15)
    assert not lease.confirm(lease.beat(100), 115)


@pytest.mark.parametrize("beat", [0, 2, -1])
def test_a_beat_that_was_not_sent_extends_nothing(beat):
    lease = HostLease(15)
    lease.beat(100)
    lease.confirm(beat, 101)
    assert lease.ends_at is None


def test_a_host_remembers_a_bounded_number_of_beats():
    lease = HostLease(15)
    beats = [lease.beat(100 + number / 1_000) for number in range(MOST_BEATS + 1)]
    lease.confirm(beats[0], 101)
    assert lease.ends_at is None, "forgotten"
    lease.confirm(beats[1], 101)
    assert lease.ends_at == pytest.approx(115.001)


def test_the_server_waits_from_when_it_received_the_last_beat_that_it_confirmed():
    lease = ServerLease(15)
    lease.receive(1, 100)
    lease.receive(2, 105)
    assert lease.confirm() == 2
    lease.receive(3, 112)
    assert lease.ends_at == 123, "beat 3 was not confirmed: the host cannot go by it"
    assert [lease.is_over(now) for now in (122.9, 123)] == [False, True]
    assert (lease.confirm(), lease.ends_at) == (3, 130)


def test_a_late_or_repeated_answer_with_an_earlier_beat_changes_nothing():
    lease = ServerLease(15)
    lease.receive(2, 100)
    lease.receive(1, 109)
    lease.receive(2, 109)
    assert (lease.confirm(), lease.ends_at) == (2, 118)


def test_nothing_runs_without_a_confirmed_beat():
    lease = ServerLease(15)
    assert (lease.confirm(), lease.ends_at, lease.is_over(0)) == (0, None, True)
    lease.receive(1, 100)
    assert lease.is_over(0)
