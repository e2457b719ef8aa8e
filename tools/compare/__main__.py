"""Records what can be seen of a version from outside, and compares two recordings.

    python -m tools.compare record CHECKOUT OUT [--data DIR] [--ceph CONF] [--only PART]…
    python -m tools.compare diff BEFORE AFTER [--texts] [--allow KEY]… [--report DIR]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.compare.difference import Allowed, compare
from tools.compare.parts import PARTS, record


def main(argv: Sequence[str]) -> int:
    """Returns the exit code: 1 if recordings differ, or if something could not be recorded."""
    parser = argparse.ArgumentParser(prog="python -m tools.compare", description="Compares two versions from outside.")
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="walks through a version and writes down what it answers and shows")
    recording.add_argument("checkout", type=Path, help="a folder with server.py and .venv")
    recording.add_argument("out", type=Path, help="the folder that is written; it is emptied of the parts recorded")
    recording.add_argument("--data", type=Path, help="a data directory of which a copy is shown by the page")
    recording.add_argument("--ceph", type=Path, help="the conf file of a cluster in which nothing goes on")
    recording.add_argument("--only", action="append", choices=list(PARTS), help="a part; all if none is named")
    comparing = commands.add_parser("diff", help="compares two recordings; exit code 1 if they differ")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--texts", action="store_true", help="texts for people may differ; structure and statuses not")
    comparing.add_argument("--allow", action="append", default=[], metavar="KEY", help="a key that may be new in objects")
    comparing.add_argument("--report", type=Path, help="a folder for pictures of what differs on the page")
    given = parser.parse_args(argv)
    if given.command == "diff":
        return 1 if compare(given.before, given.after, Allowed(given.texts, tuple(given.allow)), given.report) else 0
    with tempfile.TemporaryDirectory(prefix="hourglass-compare-") as folder:
        return record(given.checkout.resolve(), given.out, Path(folder), given.only or list(PARTS), given.data, given.ceph)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
