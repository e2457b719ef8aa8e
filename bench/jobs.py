"""The job that does nothing: what it takes is what a task takes. Named by `--set jobs.modules=bench.jobs`."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.registry import Round, job


@job(description="Nothing")
def noop() -> Iterator[Round]:
    """Ends at once, without a round."""
    yield from ()
