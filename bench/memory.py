"""Reads the memory of processes as counted by Linux."""

from __future__ import annotations

from pathlib import Path


def pss_bytes(pid: int) -> int:
    """Returns its proportional set size: its own memory, and its share of what it shares with others."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"expected a line Pss in /proc/{pid}/smaps_rollup, got none")
