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

from tools.compare.data import write_archive
from tools.compare.difference import Allowed, Comparison
from tools.compare.parts import PARTS, Recording, record
from tools.compare.serving import Checkout


def main(argv: Sequence[str]) -> int:
    """Returns the exit code: 1 if recordings differ, or if something could not be recorded."""
    parser = argparse.ArgumentParser(prog="python -m tools.compare", description="Compares two versions from outside.")
    commands = parser.add_subparsers(dest="command", required=True)
    walking = commands.add_parser("record", help="walks through a version and writes down what it answers and shows")
    walking.add_argument("checkout", type=Path, help="a folder with server.py and .venv")
    walking.add_argument("out", type=Path, help="the folder that is written; it is emptied of the parts recorded")
    walking.add_argument("--data", type=Path, help="an archive of `data` that the page shows; else that of 0.1.0")
    walking.add_argument("--ceph", type=Path, help="the conf file of a cluster in which nothing goes on")
    walking.add_argument("--only", action="append", choices=list(PARTS), help="a part; all if none is named")
    walking.add_argument("--view", action="append", default=[], help="a view of the page; all if none is named")
    comparing = commands.add_parser("diff", help="compares two recordings; exit code 1 if they differ")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument(
        "--texts", action="store_true", help="texts for people may differ; structure and statuses not"
    )
    comparing.add_argument(
        "--allow", action="append", default=[], metavar="KEY", help="a key that may be new in objects"
    )
    comparing.add_argument("--report", type=Path, default=Path("build/compare"), help="for pictures of differences")
    writing = commands.add_parser("data", help="writes a data directory with tasks of every kind, as an archive")
    writing.add_argument("checkout", type=Path)
    writing.add_argument("archive", type=Path)
    given = parser.parse_args(argv)
    if given.command == "diff":
        allowed = Allowed(given.texts, tuple(given.allow))
        return 1 if Comparison(given.before, given.after, allowed, given.report).run() else 0
    with tempfile.TemporaryDirectory(prefix="hourglass-compare-") as folder:
        if given.command == "data":
            write_archive(Checkout(given.checkout.resolve()), Path(folder), given.archive)
            return 0
        checkout = Checkout(given.checkout.resolve())
        recording = Recording(checkout, given.out, Path(folder), given.data, given.ceph, given.view)
        return record(recording, given.only or list(PARTS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
