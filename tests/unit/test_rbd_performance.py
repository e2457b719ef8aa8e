"""What a task that gets RBD performance data is called."""

from __future__ import annotations

import pytest

from jobs.registry import load_registry

REGISTRY = load_registry()


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
