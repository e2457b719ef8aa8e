"""The parts of a recording."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.compare.recorder import Recorder, write_json
from tools.compare.rest_walk import described, walk_rest
from tools.compare.serving import PASSWORD, Checkout, serving


@dataclass(frozen=True)
class Recording:
    """What is recorded, from where and to where; `scratch` is a folder for what is not kept."""

    checkout: Checkout
    out: Path
    scratch: Path
    data: Path | None
    cluster: Path | None


def record(
    folder: Path, out: Path, scratch: Path, parts: Sequence[str], data: Path | None, cluster: Path | None
) -> int:
    """Records the parts one after another; returns 1 if a walk was incomplete."""
    recording = Recording(Checkout(folder), out, scratch, data, cluster)
    problems = [problem for part in parts for problem in PARTS[part](recording)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _rest(recording: Recording) -> list[str]:
    checkout, scratch = recording.checkout, recording.scratch / "rest"
    scratch.mkdir()
    vera = ["user", "add", "vera", f"--data-dir={scratch / 'data'}"]
    environment = checkout.environment(scratch)
    with serving(checkout, scratch) as server:
        subprocess.run(
            checkout.command(*vera), cwd=checkout.folder, env=environment, input=PASSWORD, text=True, check=True, capture_output=True
        )
        recorder = Recorder(server)
        try:
            walk_rest(recorder)
        finally:  # what was seen until then says where it went wrong
            recorder.save(recording.out / "rest")
        document = described(recorder)
    write_json(recording.out / "openapi" / "openapi.json", document)
    return [f"the walk has no call of {operation}" for operation in recorder.uncalled(document)]


PARTS: dict[str, Callable[[Recording], list[str]]] = {"rest": _rest}
