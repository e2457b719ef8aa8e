"""The lease of a host: until when it runs jobs, and from when on the server runs their tasks elsewhere."""

from __future__ import annotations

import pytest

from jobs.engines.remote.lease import HostLease, ServerLease, free_at, kill_seconds, margin_seconds


@pytest.mark.parametrize(("lease", "margin"), [(3, 3), (15, 3), (30, 3), (31, 3.1), (600, 60)])
def test_the_margin_is_a_tenth_of_the_lease_and_at_least_three_seconds(lease, margin):
    assert margin_seconds(lease) == pytest.approx(margin)
    assert free_at(100, lease) == pytest.approx(100 + lease + margin)


@pytest.mark.parametrize(("lease", "seconds"), [(3, 0.3), (10, 1), (15, 1), (600, 1)])
def test_a_host_begins_to_kill_a_second_before_the_end_of_its_lease_or_earlier_in_a_short_one(lease, seconds):
    assert kill_seconds(lease) == pytest.approx(seconds)
    assert HostLease(lease, 100).runs_until == pytest.approx(100 + lease - seconds)


def test_a_host_may_run_jobs_from_the_first_beat_until_its_lease_is_over():
    lease = HostLease(15, 100)
    assert [lease.is_over(now) for now in (100, 113.9, 114, 10_000)] == [False, False, True, True]


def test_a_lease_is_counted_from_when_the_confirmed_beat_was_sent():
    lease = HostLease(15, 100)
    lease.confirm(105)
    assert lease.runs_until == 119, "whenever the confirmation arrived, which may have been delayed"


def test_each_confirmed_beat_extends_the_lease_and_a_late_confirmation_of_an_earlier_one_changes_nothing():
    lease = HostLease(15, 100)
    for beat in (102, 101, 102, 100):
        lease.confirm(beat)
    assert lease.runs_until == 116


def test_the_server_waits_from_when_it_received_the_first_beat():
    lease = ServerLease(15, beat=7, now=100)
    assert lease.ends_at == 118
    assert (lease.confirm(), lease.ends_at) == (7, 118)


def test_the_server_waits_from_when_it_received_the_last_beat_that_it_confirmed():
    lease = ServerLease(15, beat=1, now=100)
    lease.receive(2, 105)
    assert (lease.confirm(), lease.ends_at) == (2, 123)
    lease.receive(3, 112)
    assert lease.ends_at == 123, "beat 3 was not confirmed: the host cannot go by it"
    assert (lease.confirm(), lease.ends_at) == (3, 130)


def test_a_late_or_repeated_answer_with_an_earlier_beat_changes_nothing():
    lease = ServerLease(15, beat=2, now=100)
    lease.receive(1, 109)
    lease.receive(2, 109)
    assert (lease.confirm(), lease.ends_at) == (2, 118)
