"""With how much patience images are asked for, one after another, while minutes pass as quickly as pauses do."""

from __future__ import annotations

from errno import EAGAIN, EIO, ETIMEDOUT

import pytest

from ceph.errors import ClusterRefused, ClusterUnavailable, Hangs
from ceph.jobs import retrying
from ceph.jobs.retrying import RetryingClient
from jobs.definition.rounds import Pause, Round

SILENT = ClusterUnavailable("the OSDs did not answer", ETIMEDOUT)
DAMAGED = ClusterRefused("RBD I/O error", EIO)
HANGS = Hangs("librbd did not return", ETIMEDOUT)
SILENCE_SECONDS = 10


class Clock:
    """In place of the module `time`."""

    now = 0.0

    def monotonic(self):
        return self.now


class Images(RetryingClient):
    """Images by name, each with what happens one time after another; what happens last goes on for ever."""

    def __init__(self, clock, **fates):
        super().__init__(object, 30, lambda message: Round(message=message))
        self.clock = clock
        self.fates = fates
        self.asked = []
        self.failed = {}

    def _connect_opener(self, _cluster):
        pass

    def measure(self, name):
        self.asked.append(name)
        fate = self.fates[name].pop(0) if len(self.fates[name]) > 1 else self.fates[name][0]
        if fate is None:
            self._answered_at = self.clock.now
            return
        self.clock.now += SILENCE_SECONDS if fate is SILENT else 30 if fate is HANGS else 0
        raise fate
        yield

    def fail(self, name, error):
        self.failed[name] = error
        yield Round(message=f"{name} failed")

    def all(self):
        """The messages of all rounds."""
        told = []
        for value in self.each(self.fates, self.measure, self.fail):
            if isinstance(value, Pause):
                self.clock.now += value.seconds
            else:
                told.append(value.message)
        return told


@pytest.fixture
def images(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(retrying, "time", clock)
    return lambda **fates: Images(clock, **fates)


def test_one_that_is_silent_once_is_asked_for_again_after_all_others(images):
    found = images(a=[SILENT, None], b=[None], c=[None])

    assert found.all() == ["a: the OSDs did not answer (errno 110, ETIMEDOUT); trying again"]
    assert (found.asked, found.failed) == (["a", "b", "c", "a"], {})


def test_one_that_stays_silent_while_others_answer_fails(images):
    found = images(a=[SILENT], b=[None])
    found.all()

    assert (found.asked, found.failed) == (["a", "b", "a"], {"a": SILENT})


def test_one_in_which_librbd_hangs_fails_at_once_and_so_does_one_that_is_refused(images):
    found = images(a=[HANGS], b=[DAMAGED], c=[None])
    found.all()

    assert (found.asked, found.failed) == (["a", "b", "c"], {"a": HANGS, "b": DAMAGED})


def test_a_refusal_that_passes_is_no_failure(images):
    found = images(a=[ClusterRefused("try again", EAGAIN), None], b=[None])
    found.all()

    assert found.failed == {}


def test_as_long_as_nobody_answers_all_are_asked_for_again_and_again(images):
    found = images(a=[SILENT, SILENT, SILENT, None], b=[SILENT, SILENT, SILENT, None])
    found.all()

    assert (found.asked, found.failed) == (["a", "b"] * 4, {})


def test_after_five_minutes_without_any_answer_all_fail(images):
    found = images(a=[SILENT], b=[SILENT], c=[SILENT])
    found.all()

    assert found.failed == dict.fromkeys("abc", SILENT)
    assert 300 < found.clock.now < 300 + 2 * SILENCE_SECONDS


def test_a_pool_that_is_silent_for_minutes_keeps_no_image_of_another_one_from_being_asked_for(images):
    sick = {f"sick/{number:02}": [SILENT] for number in range(40)}
    found = images(**sick, **{"well/a": [None], "well/b": [None]})
    found.all()

    assert found.asked[:3] == ["sick/00", "well/a", "well/b"]
    assert found.failed == dict.fromkeys(sick, SILENT)
    assert found.clock.now < 300 + 3 * SILENCE_SECONDS


def test_once_silences_have_cost_five_minutes_nobody_is_asked_for_twice(images):
    fates = {f"rbd/{number:02}": [[None], [SILENT]][number % 2] for number in range(80)}
    found = images(**fates)
    found.all()
    counts = [found.asked.count(path) for path, fate in fates.items() if fate == [SILENT]]

    assert set(found.failed) == {path for path, fate in fates.items() if fate == [SILENT]}
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (2, 1)
