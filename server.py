"""Hourglass: background tasks you can watch. `server.py` serves, `server.py user …` manages who may sign in,
`server.py certificates …` makes the certificates of the server and its hosts.

Workers are spawned and import this file again, so nothing that they do not need is imported at its top.
"""

from __future__ import annotations

import sys

REFUSED = 2
INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 after an orderly stop, 1 after a defect, 2 if the start was refused in one sentence."""
    import logs
    import streams
    from jobs.errors import ConfigError, StartError, StorageUnavailable

    streams.open_standard_streams()
    try:
        if argv[:1] == ["user"]:
            from commands.user import main as manage_users
            from storage.sqlite.accounts import accounts_beside_server

            return manage_users(argv[1:], accounts_beside_server)
        if argv[:1] == ["certificates"]:
            from commands.certificates import main as make_certificates

            return make_certificates(argv[1:])
        from service import serve

        return serve(argv)
    except (ConfigError, StartError, StorageUnavailable) as error:
        streams.say(logs.on_one_line(str(error)))
        return REFUSED
    except KeyboardInterrupt:  # before it serves; later it is a signal to stop
        return INTERRUPTED


def use_system_allocator() -> None:
    """Starts the program again, in the same process, with the allocator of the C library instead of Python's own.

    Python returns memory in pieces of 1 MiB that must be entirely empty: after 1,500 waiting calls 30 MB remained, and
    11 with the C library. Workers use Python's own.
    """
    import os
    from contextlib import suppress

    if "PYTHONMALLOC" not in os.environ:
        with suppress(OSError):
            environment = {**os.environ, "PYTHONMALLOC": "malloc"}
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606  it is this program


if __name__ == "__main__":
    if sys.argv[1:2] in (["user"], ["certificates"]):
        sys.exit(main(sys.argv[1:]))
    use_system_allocator()
    exit_code = main(sys.argv[1:])
    from processes.child import leave

    leave(exit_code)
