"""What config.ini says of which jobs there are: [jobs]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

ModuleName = Annotated[str, Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$", extra={"words": "a Python module's name"})]


@dataclass(frozen=True)
class JobsSettings:
    """`modules` are loaded besides the jobs that come with Hourglass."""

    modules: tuple[ModuleName, ...] = ()
