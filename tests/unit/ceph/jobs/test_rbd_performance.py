"""What a task that gets RBD performance data is called, and what it does when nobody answers for very long."""

from __future__ import annotations

import base64
import json
import zlib
from errno import EAGAIN, EIO

import pytest
from msgspec.json import encode

from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.images.samples import Sample, Sizes
from ceph.jobs import retrying
from ceph.jobs.measuring import Measuring
from ceph.jobs.retrying import RetryingClient
from jobs.definition.loading import load_registry
from jobs.definition.rounds import Pause, Round
from jobs.errors import InvalidInput
from jobs.queue.drafts import LARGEST_METADATA_BYTES

REGISTRY = load_registry()


class Clock:
    """In place of the module `time`."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def pass_by(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({}, "all images"),
        ({"pools": ["rbd"]}, "pool rbd"),
        ({"pools": ["rbd", "data"]}, "2 pools"),
        ({"images": ["rbd/disk1"]}, "image rbd/disk1"),
        ({"pools": ["data"], "images": ["rbd/disk1", "rbd/disk2"]}, "pool data and 2 images"),
    ],
)
def test_its_description_names_what_it_looks_at(params, description):
    told = REGISTRY.describe("rbd_performance", {"fsid": "a3f0", **params})

    assert told == f"Getting RBD performance data of {description}"


def test_its_metadata_say_what_it_concerns():
    job = REGISTRY.job("rbd_performance")
    params = job.validate({"fsid": "a3f0", "images": ["rbd/disk1"]})

    assert job.metadata_of(REGISTRY.arguments(job, params)) == {"fsid": "a3f0", "pools": [], "images": ["rbd/disk1"]}


def test_very_many_images_are_named_in_part_so_that_they_can_be_measured_together():
    images = [f"rbd/disk-{number:05}-é" for number in range(4000)]
    job = REGISTRY.job("rbd_performance")
    params = job.validate({"fsid": "a3f0", "pools": ["ü" * 200] * 60, "images": images})
    told = job.metadata_of(REGISTRY.arguments(job, params))

    assert told["images"] == images[: len(told["images"])]
    assert len(told["pools"]) + len(told["images"]) + told["and_more"] == 4060
    assert len(encode(told)) <= LARGEST_METADATA_BYTES


def test_a_silence_is_told_again_and_again_and_ends_it_after_five_minutes(monkeypatch):
    """Minutes pass as quickly as pauses do."""
    clock = Clock()
    monkeypatch.setattr(retrying, "time", clock)

    def connect():
        clock.pass_by(5)
        raise ClusterUnavailable("no mon answered within 5 s", 110)

    told = []

    def tell_all():
        for value in Measuring(connect, [], [], 60, 1).sizes_of_all():
            if isinstance(value, Pause):
                clock.pass_by(value.seconds)
            else:
                told.append(value.message)

    with pytest.raises(ClusterUnavailable, match="no mon answered"):
        tell_all()
    assert told == ["no mon answered within 5 s (errno 110, ETIMEDOUT); trying again"] * 50
    assert clock.monotonic() == 50 * 6 + 5


def test_a_refused_key_ends_it_at_once():
    def connect():
        raise ClusterUnavailable("the cluster refuses the key", 13)

    with pytest.raises(ClusterUnavailable, match="refuses the key"):
        next(Measuring(connect, [], [], 60, 1).sizes_of_all())


def test_a_manager_that_is_not_ready_is_asked_again_and_again_with_the_same_handle(monkeypatch):
    answers = iter([ClusterRefused("rbd_support module is not ready, try again", EAGAIN)] * 2)
    handles = []

    def connect():
        handles.append(object())
        return handles[-1]

    def ask(_cluster):
        for answer in answers:
            raise answer
        return "figures"

    passed = list(returning(RetryingClient(connect, 30, lambda message: Round(message=message)).ask(ask)))

    assert [value.message for value in passed if isinstance(value, Round)] == [
        "rbd_support module is not ready, try again (errno 11, EAGAIN); trying again"
    ] * 2
    assert passed[-1] == "figures"
    assert len(handles) == 1


def returning(rounds):
    yield (yield from rounds)


class Interrupted(Measuring):
    """Has all sizes and one sample when the manager refuses."""

    def __init__(self):
        super().__init__(lambda: None, [], [], 60, 1)
        self.found.sizes = {"rbd/disk": Sizes(100, 50)}
        self.found.begin_samples()
        self.found.series.add(Sample(at=1_790_000_000_000, rows={}))

    def _ask(self, _cluster):
        raise ClusterRefused("the module has failed", EIO)


def test_what_was_measured_is_the_result_when_the_manager_refuses_to_go_on():
    *rounds, result = returning(Interrupted().rounds())

    assert rounds[-1].message == "ended after 1 of 60 samples: the module has failed (errno 5, EIO)"
    assert result["incomplete"] == "the module has failed (errno 5, EIO)"
    assert result["images"]["rbd/disk"]["samples"] == 1


@pytest.mark.parametrize(
    ("path", "is_right"),
    [
        ("rbd/disk", True),
        ("rbd/team/disk", True),
        ("we%2Fird/a%2Fb%25", True),
        ("disk", False),
        ("rbd/a/b/c", False),
        ("/disk", False),
        ("rbd/", False),
        ("rbd//disk", False),
        ("rbd/" + "x" * 997, False),
    ],
)
def test_an_image_is_chosen_by_its_path(path, is_right):
    job = REGISTRY.job("rbd_performance")
    if is_right:
        job.validate({"fsid": "a3f0", "images": [path]})
    else:
        with pytest.raises(InvalidInput, match="an image of a pool, like rbd/disk1"):
            job.validate({"fsid": "a3f0", "images": [path]})


def test_a_task_that_an_earlier_version_left_goes_on_from_its_checkpoint():
    """It ends where it would connect: here there is no cluster."""
    earlier = {"sizes": packed([["rbd/disk", 100, 50]]), "sampled": [], "removed": [], "rounds": 3}
    rounds = REGISTRY.begin("rbd_performance", {"fsid": "a3f0", "images": ["rbd/disk"]}, earlier)

    with pytest.raises(ClusterRefused, match="There is no cluster a3f0"):
        next(rounds)


def packed(value):
    return base64.b85encode(zlib.compress(json.dumps(value).encode(), 6)).decode()
