"""The names by which tasks of Ceph's jobs are started and recognized are those of the jobs."""

from __future__ import annotations

from ceph import job_names
from jobs.definition.loading import load_registry


def test_each_name_is_that_of_a_job():
    registry = load_registry([])
    names = {value for name, value in vars(job_names).items() if name.isupper()}

    assert len(names) == 3
    assert all(registry.find(name) is not None for name in names)
