"""Jobs whose results are large, for tests of answers that are not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from jobs import Round, job

MODULE = "tests.support.large_jobs"


@job(description="Returns {megabytes} MB")
def returns_megabytes(megabytes: Annotated[int, Meta(ge=1, le=9)]) -> Iterator[Round]:
    """Returns so much text."""
    yield Round(of=1)
    return "x" * (megabytes * 1_000_000)
