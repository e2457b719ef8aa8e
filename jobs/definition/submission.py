"""A request for a task, before anything of it is checked."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Submission(Struct, frozen=True, kw_only=True):
    """A request for a task. `not_before` in milliseconds since 1970; `prepared` is what the job's own preparation would
    return, if that is known already."""

    job: str
    params: object
    priority: int = 0
    not_before: int | None = None
    retry_of: int | None = None
    prepared: Mapping[str, object] | None = None
