"""The settings of stored data: section [storage] of config.ini."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class StorageSettings:
    """`data_dir` is absolute once the configuration is read."""

    data_dir: Annotated[Path, Meta(extra={"words": "a directory"})] = Path("data")
