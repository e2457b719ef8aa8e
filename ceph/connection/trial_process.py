"""The process that `ceph.connection.trial` starts: reads settings from its input, connects, and reports the outcome."""

from __future__ import annotations

import os
import sys

import msgspec

from ceph.connection.cluster import handle, translated_errors
from ceph.connection.trial import NotReached, Reached
from ceph.errors import ClusterError
from ceph.settings import ClusterSettings


def main() -> None:
    """Redirects what librados prints to standard error, since it prints to both, and reports on standard output."""
    output = os.dup(1)
    os.dup2(2, 1)
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=ClusterSettings)
    os.write(output, msgspec.json.encode(tried(settings)))
    os._exit(0)


def tried(settings: ClusterSettings) -> Reached | NotReached:
    """Connects; returns which cluster was reached, or why none was."""
    try:
        found = handle(settings)
        with translated_errors(settings):
            found.connect()
            return Reached(found.get_fsid())
    except ClusterError as error:
        return NotReached(error.text, error.errno)


if __name__ == "__main__":
    main()
