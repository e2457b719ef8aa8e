"""Reads `queries.sql`: every statement by its name."""

from __future__ import annotations

import re
from pathlib import Path


def read_statements(path: Path) -> dict[str, str]:
    """Returns the statements of a file by name, without their descriptions. `-- name: x` begins the one named x."""
    parts = re.split(r"^-- name: (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        name: "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


SQL = read_statements(Path(__file__).with_name("queries.sql"))
