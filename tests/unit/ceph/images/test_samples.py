"""Samples of images: what an answer of the manager does and does not tell, and how small they are kept."""

from __future__ import annotations

import random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceph.images.samples import (
    ANSWERED_AS,
    FIGURES,
    IDLE,
    ORDERS,
    Sample,
    Series,
    Sizes,
    answer_of,
    as_unpacked,
    joined,
    packed_samples,
    packed_sizes,
    sample_of,
    thinned,
    unpacked_samples,
    unpacked_sizes,
)
from ceph.images.summary import MOST_LISTED, message_of, output_of, result_of
from jobs.definition.limits import MIB, MOST_RESULT_BYTES, as_json

NOW = 1_700_000_000_000
NUMBERS = st.one_of(st.just(0.0), st.floats(1e-6, 1e11))
ROWS = st.tuples(*[NUMBERS.map(as_unpacked)] * 6)
PATHS = [f"rbd/disk{number}" for number in range(5)]


def samples(**options):
    rows = st.dictionaries(st.sampled_from(PATHS), ROWS.filter(any))
    pools = st.sets(st.just("rbd")).map(frozenset)
    return st.builds(Sample, at=st.integers(NOW, NOW + 10**9), rows=rows, full_pools=pools, **options)


def reply(rows, order):
    """What the manager answers: the first 64 in this order, less those that do nothing at all."""
    place = ANSWERED_AS.index(order)
    first = sorted(rows.items(), key=lambda row: row[1][place], reverse=True)[:64]
    stats = [{f"0/{name}": list(values)} for name, values in first if any(values)]
    return {"stat_descriptors": list(ANSWERED_AS), "pool_descriptors": {"0": "rbd"}, "stats": stats}


def answer(rows):
    return answer_of("rbd", {order: reply(rows, order) for order in ORDERS})


def row(writes=0.0, reads=0.0, write_latency=0.0):
    return (writes, reads, 4096.0 * writes, 4096.0 * reads, write_latency, 0.0)


# Answers


@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 5]), st.sampled_from([0, 0, 1, 5])), max_size=200))
def test_an_image_that_no_answer_holds_is_idle_unless_one_of_them_is_full(operations):
    rows = {f"disk{number}": row(writes, reads) for number, (writes, reads) in enumerate(operations)}
    found = answer(rows)
    absent = [values for name, values in rows.items() if f"rbd/{name}" not in found.rows]

    assert found.is_full or not any(any(values) for values in absent)
    assert found.is_full == any(sum(values[place] > 0 for values in rows.values()) >= 64 for place in (0, 1))


def test_those_that_only_read_are_not_idle_beside_many_that_once_wrote():
    """An answer in the order of writes has room for 64, and the idle ones of these are left out of it: it looks as if
    there were no others."""
    rows = {f"once{number}": row() for number in range(100)} | {f"reads{number}": row(reads=7) for number in range(30)}
    by_writes = answer_of("rbd", {"write_ops": reply(rows, "write_ops")})
    assert (len(by_writes.rows), by_writes.is_full) == (0, False), "what asking in one order alone would tell"

    assert len(answer(rows).rows) == 30
    assert not answer(rows).is_full


def test_a_latency_is_of_one_operation_in_seconds_however_few_there_are():
    """The manager divides by at least one operation a second: of one in five seconds that took 10 ms it tells 2 ms."""
    found = answer({"slow": row(writes=0.2, write_latency=2e6), "fast": row(writes=50.0, write_latency=3e6)}).rows

    assert found["rbd/slow"][4] == pytest.approx(0.01, rel=1e-3)
    assert found["rbd/fast"][4] == pytest.approx(0.003, rel=1e-3)


def test_the_manager_may_name_its_figures_in_another_order():
    turned = {
        "stat_descriptors": list(reversed(ANSWERED_AS)),
        "pool_descriptors": {"0": "rbd"},
        "stats": [{"0/disk": list(reversed(row(writes=3, reads=4)))}],
    }

    assert answer_of("rbd", {"write_ops": turned}).rows["rbd/disk"][:2] == (3, 4)


def test_a_sample_has_the_images_that_were_asked_for_and_tells_unknown_from_idle():
    answers = [
        answer({f"disk{number}": row(writes=70 - number) for number in range(70)}),
        answer_of("other", {order: reply({"disk": row(reads=2)}, order) for order in ORDERS}),
    ]
    asked = {"rbd/disk0", "rbd/disk69", "other/disk", "other/idle"}
    sample = sample_of(answers, asked, NOW)

    assert set(sample.rows) == {"rbd/disk0", "other/disk"}
    assert sample.figures("rbd/disk69") is None
    assert sample.figures("other/idle") == IDLE


# Joined


@given(samples(), samples())
def test_two_samples_as_one_hold_what_either_knows(first, second):
    both = joined(first, second)

    for path in PATHS:
        known = [one.figures(path) for one in (first, second) if one.figures(path) is not None]
        if not known:
            assert both.figures(path) is None
        for place in range(4):
            values = [figures[place] for figures in known]
            if known:
                assert min(values) * 0.998 <= both.figures(path)[place] <= max(values) * 1.002


@given(st.lists(st.integers(1, 4), min_size=2, max_size=40))
def test_joining_neighbours_makes_them_fewer_and_loses_none(weights):
    many = [Sample(at=NOW + number, rows={}, weight=weight) for number, weight in enumerate(weights)]
    fewer = thinned(many)

    assert len(fewer) < len(many)
    assert sum(sample.weight for sample in fewer) == sum(weights)
    assert [sample.at for sample in fewer] == sorted(sample.at for sample in fewer)


def test_the_lightest_are_joined_first():
    weights = [2, 2, 2, 1, 1, 1, 1]
    many = [Sample(at=NOW + number, rows={}, weight=weight) for number, weight in enumerate(weights)]

    assert [sample.weight for sample in thinned(many)] == [2, 2, 2, 2, 2]
    assert [sample.weight for sample in thinned(thinned(many))] == [4, 4, 2]


def test_a_latency_of_joined_samples_weighs_by_operations():
    slow, fast = (0, 1.0, 0, 0, 0, 0.4), (0, 3.0, 0, 0, 0, 0.2)
    both = joined(Sample(at=NOW, rows={"rbd/disk0": slow}), Sample(at=NOW, rows={"rbd/disk0": fast}))

    assert both.figures("rbd/disk0") == (0, 2, 0, 0, 0, 0.25)


# Packed


@given(st.floats(1e-6, 1e11))
def test_a_number_is_kept_to_a_tenth_of_a_percent_and_comes_back_the_same_every_time(value):
    kept = as_unpacked(value)

    assert kept == pytest.approx(value, rel=1e-3)
    assert as_unpacked(kept) == kept


@given(st.integers(0, 2048))
def test_whole_numbers_to_2048_are_exact(value):
    assert as_unpacked(value) == value


@given(st.lists(samples(), max_size=20))
def test_packed_samples_come_back_as_they_were(many):
    assert unpacked_samples(packed_samples(many, PATHS), PATHS) == many


@given(st.dictionaries(st.text(max_size=20), st.builds(Sizes, st.integers(0, 2**50), st.integers(0, 2**50))))
def test_packed_sizes_come_back_as_they_were(sizes):
    assert unpacked_sizes(packed_sizes(sizes)) == sizes


@given(st.lists(samples(), max_size=200), st.integers(0, 200))
def test_a_series_goes_on_after_any_sample_as_if_nothing_had_been(many, stop):
    whole, first = Series(PATHS), Series(PATHS)
    for sample in many:
        whole.add(sample)
    for sample in many[:stop]:
        first.add(sample)
    second = Series(PATHS, first.packed())
    for sample in many[stop:]:
        second.add(sample)

    assert second.samples == whole.samples == many
    assert second.taken == len(many)


# The worst that can be


def noise(paths, generator):
    return {path: tuple(as_unpacked(generator.uniform(1, 1e9)) for _ in FIGURES) for path in paths}


def bytes_of(value):
    return len(as_json(value, "it", 100 * MIB))


@pytest.fixture(scope="module")
def many_paths():
    generator = random.Random(1)
    return [f"rbd/csi-vol-{UUID(int=generator.getrandbits(128))}" for _ in range(5000)]


@pytest.mark.parametrize("busy", [64, pytest.param(160, marks=pytest.mark.slow)])
def test_the_checkpoint_of_the_longest_task_fits_however_many_images_are_busy(many_paths, busy):
    """Numbers that cannot be made smaller, of images with names that cannot be either, in each of 720 samples."""
    generator = random.Random(2)
    sizes = {path: Sizes(generator.randrange(2**44), generator.randrange(2**44)) for path in many_paths}
    series = Series(many_paths)
    for number in range(720):
        series.add(Sample(at=NOW + number * 1000, rows=noise(many_paths[:busy], generator)))
    checkpoint = {"sizes": packed_sizes(sizes), "sampled": series.packed(), "removed": [], "rounds": 9999}

    assert bytes_of(checkpoint) < MIB
    assert series.taken == 720
    assert busy > 64 or len(series.samples) == 720, "of 64 busy images each sample is kept"


def test_the_result_fits_where_every_image_did_something_once(many_paths):
    generator = random.Random(3)
    sizes = {path: Sizes(2**40, 2**39) for path in many_paths}
    some = [
        Sample(at=NOW + n, rows=noise(many_paths[n * 60 % 5000 : n * 60 % 5000 + 64], generator)) for n in range(240)
    ]
    result = result_of(sizes, some, 1.0, [])

    assert bytes_of(result) < MOST_RESULT_BYTES
    assert len(result["series"]["images"]) == 5000


def test_a_round_lists_the_busiest_images_then_the_unknown_ones_and_counts_the_others(many_paths):
    rows = noise(many_paths[-900:], random.Random(4))
    paths = [*many_paths, *[f"full/disk{number}" for number in range(50)]]
    output = output_of(Sample(at=NOW, rows=rows, full_pools=frozenset({"full"})), paths)

    assert bytes_of(output) < MIB
    assert (len(output["images"]), output["left_out"]) == (MOST_LISTED, len(paths) - MOST_LISTED)
    assert set(rows) <= set(output["images"])
    assert sum(not image["measured"] for image in output["images"].values()) == 50


def test_a_round_lists_every_image_where_they_are_not_so_many():
    output = output_of(
        Sample(at=NOW, rows={PATHS[0]: row(writes=2)}, full_pools=frozenset({"full"})), [*PATHS, "full/a"]
    )

    assert output["images"][PATHS[0]]["write_ops"] == 2
    assert output["images"][PATHS[1]] == {"measured": True, **dict.fromkeys(FIGURES, 0)}
    assert output["images"]["full/a"] == {"measured": False, **dict.fromkeys(FIGURES)}
    assert "left_out" not in output


def test_a_round_says_in_a_line_what_goes_on():
    rows = {"rbd/disk0": row(writes=412), "rbd/disk1": row(reads=30)}
    paths = [*PATHS, "full/a"]

    assert message_of(Sample(at=NOW, rows=rows), paths, 12, 60) == (
        "sample 12 of 60: 2 of 6 images busy, 412 writes/s, 30 reads/s, 1.73 MiB/s"
    )
    assert message_of(Sample(at=NOW, rows={}, full_pools=frozenset({"full"})), paths, 1, 60).endswith("1 not measured")
