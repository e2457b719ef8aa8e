"""What is said of a cluster's errors, and where they stand in HTTP."""

from __future__ import annotations

from errno import EACCES, ENOENT, ENOTCONN, ERANGE, ETIMEDOUT

import pytest

from ceph.connection.cluster import MANAGER_SILENT, MONITOR_SILENT, OSDS_SILENT, no_answer
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable, TargetChanged
from handlers.http.problems import status_of


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ClusterRefused("unrecognized pool 'x'", ENOENT), "unrecognized pool 'x' (errno 2, ENOENT)"),
        (ClusterRefused("too many", ERANGE), "too many (errno 34, ERANGE)"),
        (ClusterRefused("no number", 0), "no number"),
        (ClusterRefused("an odd one", 99_999), "an odd one"),
    ],
)
def test_the_words_of_the_cluster_come_with_their_errno(error, text):
    assert str(error) == text


@pytest.mark.parametrize("kind", [ClusterError, ClusterUnavailable, ClusterRefused, TargetChanged])
def test_an_error_of_a_cluster_is_never_without_words(kind):
    assert str(kind()).strip()
    assert str(kind("", ENOENT)).strip()


@pytest.mark.parametrize("silence", [MONITOR_SILENT, MANAGER_SILENT, OSDS_SILENT])
def test_a_silence_says_who_how_long_and_what_to_look_at(silence):
    error = no_answer(silence, 5)

    assert str(error).startswith(f"{silence} within 5 s: ")
    assert "?" in str(error)
    assert error.is_silence


@pytest.mark.parametrize(("errno", "is_silence"), [(ETIMEDOUT, True), (ENOTCONN, True), (EACCES, False), (0, False)])
def test_only_a_silence_may_pass_by_itself(errno, is_silence):
    assert ClusterUnavailable("words", errno).is_silence is is_silence


@pytest.mark.parametrize(
    ("error", "status"), [(ClusterUnavailable("x"), 503), (ClusterRefused("x"), 409), (TargetChanged("x"), 409)]
)
def test_a_cluster_that_is_not_there_is_no_conflict(error, status):
    assert status_of(error) == status
