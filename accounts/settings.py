"""The settings of signing in: section [auth] of config.ini."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0, le=604_800)]


@dataclass(frozen=True)
class AuthSettings:
    """`wrong_passwords` within a minute lock a name out from an address for `lockout_seconds`; a right password of
    HTTP Basic is remembered for `basic_seconds`."""

    session_days: Annotated[int, Meta(ge=1, le=36_500)] = 14
    wrong_passwords: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    lockout_seconds: Seconds = 60
    basic_seconds: Seconds = 60
