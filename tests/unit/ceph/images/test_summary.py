"""The figures of an image in a few numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceph.images.samples import FIGURES, Sample, Sizes, as_unpacked
from ceph.images.summary import in_bytes, result_of

NOW = 1_700_000_000_000
DISK, IDLE = "rbd/disk", "rbd/idle"
SIZES = {DISK: Sizes(1 << 30, 1 << 20), IDLE: Sizes(1 << 30, 0)}
ZERO = {"mean": 0, "p50": 0, "p95": 0, "max": 0}


def sample(number, writes=0.0, latency=0.0, full=False, weight=1):
    rows = {DISK: (writes, 0, 4096 * writes, 0, latency, 0)} if writes else {}
    full_pools = frozenset({"rbd"}) if full else frozenset()
    return Sample(at=NOW + number * 1000, rows=rows, full_pools=full_pools, weight=weight)


def summary(*samples):
    return result_of(SIZES, samples, 1.0, [])["images"]


def test_mean_median_95th_percentile_and_maximum_of_each_figure():
    disk = summary(*[sample(number, writes=number + 1) for number in range(100)])[DISK]

    assert disk["write_ops"] == {"mean": 50.5, "p50": 50, "p95": 95, "max": 100}
    assert (disk["size_bytes"], disk["used_bytes"]) == (1 << 30, 1 << 20)
    assert (disk["measured"], disk["samples"], disk["samples_measured"]) == (True, 100, 100)


def test_what_did_nothing_is_zero_and_has_no_series():
    result = result_of(SIZES, [sample(0), sample(1, writes=3)], 1.0, [])

    assert [result["images"][IDLE][name] for name in FIGURES] == [ZERO] * 6
    assert list(result["series"]["images"]) == [DISK]
    assert result["series"]["images"][DISK]["write_ops"] == [0, 3]


def test_what_was_never_measured_is_null_and_what_was_at_times_tells_of_those_alone():
    full = [sample(number, full=True) for number in range(3)]
    unknown = summary(*full)[IDLE]
    assert (unknown["measured"], unknown["samples_measured"]) == (False, 0)
    assert [unknown[name] for name in FIGURES] == [None] * 6

    at_times = result_of(SIZES, [*full, sample(4, writes=8)], 1.0, [])
    disk = at_times["images"][DISK]
    assert (disk["measured"], disk["samples"], disk["samples_measured"]) == (True, 4, 1)
    assert disk["write_ops"] == {"mean": 8, "p50": 8, "p95": 8, "max": 8}
    assert at_times["series"]["images"][DISK]["write_ops"] == [None, None, None, 8]


def test_the_mean_latency_weighs_by_operations_and_idle_moments_have_none():
    disk = summary(sample(0, writes=1, latency=0.4), sample(1, writes=3, latency=0.2), sample(2))[DISK]

    assert disk["write_latency_seconds"] == {"mean": 0.25, "p50": 0.2, "p95": 0.4, "max": 0.4}
    assert disk["read_latency_seconds"] == ZERO


def test_joined_samples_weigh_as_much_as_what_they_are_made_of():
    disk = summary(sample(0, writes=1, weight=3), sample(1, writes=9))[DISK]

    assert (disk["samples"], disk["samples_measured"]) == (4, 4)
    assert disk["write_ops"] == {"mean": 3, "p50": 1, "p95": 9, "max": 9}


@given(st.lists(st.floats(0.001, 1e6).map(as_unpacked), min_size=1, max_size=50))
def test_the_numbers_of_a_figure_are_in_order(values):
    figures = summary(*[sample(number, writes=value) for number, value in enumerate(values)])[DISK]["write_ops"]

    assert min(values) * 0.999 <= figures["mean"] <= max(values) * 1.001
    assert min(values) <= figures["p50"] <= figures["p95"] <= figures["max"] == max(values)


def test_the_series_tells_when_each_sample_was_taken():
    series = result_of(SIZES, [sample(0, writes=1), sample(1, writes=2)], 1.0, ["rbd/gone"])["series"]

    assert series["at"] == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.000Z"]
    assert series["interval_seconds"] == 1


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (1 << 30, "1 GiB"), (3 << 50, "3 PiB")]
)
def test_bytes_are_told_in_three_digits(count, text):
    assert in_bytes(count) == text
