"""The settings that select the jobs: section [jobs] of config.ini."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

ModuleName = Annotated[str, Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$", extra={"words": "a Python module's name"})]


@dataclass(frozen=True)
class JobsSettings:
    """`modules` are loaded besides the jobs that come with Hourglass."""

    modules: tuple[ModuleName, ...] = ()
