"""Which processes there are."""

from __future__ import annotations

from pathlib import Path


def processes_of(directory: Path) -> list[str]:
    """The command lines of all processes that have it, or a file in it, as an argument or as their directory."""
    return [line for line in map(_command_line, Path("/proc").glob("[0-9]*")) if str(directory) in line]


def _command_line(process: Path) -> str:
    """With the working directory in front; empty where the process has ended."""
    try:
        line = (process / "cmdline").read_text(errors="replace").replace("\0", " ")
        return f"{(process / 'cwd').readlink()} {line}"
    except OSError:
        return ""


def is_there(pid: int) -> bool:
    """Whether a process lives: one that has ended and that nobody has asked after yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
