"""What a measurement has found: its checkpoint, also of an earlier version, what cannot be read, and in words."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.images.findings import Findings
from ceph.images.samples import Sample, Sizes
from ceph.state import Trouble, Unreadable

NOW = 1_790_000_000_000
ROW = (3, 0, 4096, 0, 0.001, 0)
GONE = Trouble(2, "RBD image not found")


def findings(**fields):
    found = Findings()
    found.sizes = {"rbd/a": Sizes(100, 50), "rbd/team/b%2F": Sizes(200, 0)}
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def recalled(found):
    other = Findings()
    other.restore(**json.loads(json.dumps(found.checkpoint())))
    return other


def test_a_checkpoint_brings_back_all_that_was_found():
    found = findings(
        errors={"rbd/sick": GONE},
        removed={"rbd/gone"},
        unreadable=[Unreadable("hdd", "inactive", "1 of 8 PGs")],
        pool_ids={"rbd": 3},
        begun={"rbd/large": (1 << 40, 4096)},
        rounds=7,
        sizes_percent=12.5,
    )
    found.begin_samples()
    found.series.add(Sample(at=NOW, rows={"rbd/team/b%2F": ROW}, full_pools=frozenset({"rbd/team"})))
    again = recalled(found)

    for name in ("sizes", "errors", "removed", "unreadable", "pool_ids", "begun", "rounds", "sizes_percent"):
        assert getattr(again, name) == getattr(found, name), name
    assert again.series.samples == found.series.samples


def packed(value):
    return base64.b85encode(zlib.compress(json.dumps(value).encode(), 6)).decode()


def test_a_checkpoint_of_an_earlier_version_goes_on_with_encoded_paths():
    found = Findings()
    found.restore(packed([["rbd/a", 100, 50], ["rbd/50%", 200, 0]]), [], ["rbd/gone%"], 3, "")

    assert found.sizes == {"rbd/a": Sizes(100, 50), "rbd/50%25": Sizes(200, 0)}
    assert (found.removed, found.rounds, found.errors) == ({"rbd/gone%25"}, 3, {})


def test_the_result_has_errors_beside_figures_and_what_cannot_be_read():
    found = findings(errors={"rbd/sick": GONE}, unreadable=[Unreadable("hdd", "failed", "silent")])
    found.begin_samples()
    found.series.add(Sample(at=NOW, rows={}))
    result = found.result(1.0, "the mgr did not answer", {"rbd": "renamed"})

    assert list(result["images"]) == ["renamed/a", "renamed/sick", "renamed/team/b%2F"]
    assert result["images"]["renamed/sick"] == {"error": {"errno": 2, "text": "RBD image not found"}}
    assert result["unreadable"] == [{"pool": "hdd", "state": "failed", "text": "silent"}]
    assert result["incomplete"] == "the mgr did not answer"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"errors": {"rbd/sick": GONE}}, "; 1 of 3 images cannot be read"),
        ({"unreadable": [Unreadable("hdd", "inactive", "")]}, "; pool hdd cannot be read (inactive)"),
        ({"unreadable": [Unreadable("a", "failed", ""), Unreadable("b", "failed", "")]}, "; 2 pools cannot be read"),
        (
            {"errors": {"rbd/sick": GONE}, "removed": {"rbd/a", "rbd/other"}},
            "; 1 of 2 images cannot be read; rbd/a and 1 other image were removed meanwhile",
        ),
    ],
)
def test_what_is_missing_is_said_in_each_message(fields, words):
    assert findings(**fields).shortcomings() == words


def test_a_name_of_any_length_leaves_room_in_a_message():
    assert len(findings(removed={"rbd/" + "x" * 5000}).shortcomings()) < 300


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"errors": {"rbd/a": GONE}}, ClusterRefused, "RBD image not found (errno 2, ENOENT)"),
        (
            {"errors": {"rbd/a": Trouble(110, "silent"), "rbd/b": GONE, "rbd/c": GONE}},
            ClusterUnavailable,
            "silent; neither can 2 other images be read (errno 110, ETIMEDOUT)",
        ),
        ({"removed": {"rbd/a"}}, ClusterRefused, "rbd/a was removed meanwhile (errno 2, ENOENT)"),
    ],
)
def test_where_nothing_can_be_read_the_first_reason_is_told(fields, kind, words):
    error = findings(sizes={}, **fields).nothing_there()

    assert (type(error), str(error)) == (kind, words)
