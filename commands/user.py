"""`server.py user …`: who may sign in. Works while the server runs, and when it does not."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streams
from accounts import accounts
from accounts.accounts import Connection, run_beside_server
from accounts.passwords import hash_password
from accounts.reload_socket import ring
from config import Parser, add_config_options, config_from
from jobs.clock import wall_clock
from jobs.errors import ConfigError, HourglassError, InvalidInput, StartError
from logs import on_one_line

DONE, REFUSED, NOT_UNDERSTOOD, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str]) -> int:
    """The exit code: 0 done, 1 refused in one sentence, 2 for wrong words or a wrong configuration."""
    try:
        options, data_dir = _read(argv)
        said = options.run(data_dir, options)
        if not streams.say(said, streams.STANDARD_OUTPUT, seconds=None):
            streams.say("Standard output cannot be written; what was to be done is done.")
            return REFUSED
    except (ConfigError, StartError) as error:
        streams.say(on_one_line(str(error)))
        return NOT_UNDERSTOOD
    except HourglassError as error:
        streams.say(on_one_line(str(error)))
        return REFUSED
    except KeyboardInterrupt:
        streams.say("Interrupted.")
        return INTERRUPTED
    return DONE


# The command line


def _read(argv: Sequence[str]) -> tuple[argparse.Namespace, Path]:
    """The command, and the data directory by the options, which may stand before or after it."""
    of_config = Parser("server.py user", add_help=False, allow_abbrev=False)
    add_config_options(of_config)
    settings, words = of_config.parse_known_args(argv)
    return _parser().parse_args(words), config_from(settings).storage.data_dir


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "server.py user",
        description="Who may sign in.",
        epilog="The server's --config, --data-dir and --set say which server's users these are.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        words = commands.add_parser(name, help=command.help, allow_abbrev=False)
        words.set_defaults(run=command.run)
        if command.has_name:
            words.add_argument("name", metavar="NAME")
        if name == "add":
            words.add_argument("--role", choices=accounts.ROLES, default="viewer", help="default: viewer")
        if name == "role":
            words.add_argument("role", choices=accounts.ROLES)
    return parser


def _ask_password() -> str:
    """Asked for twice at a terminal; else the first line of standard input. Raises InvalidInput."""
    if not sys.stdin.isatty():
        return _read_password()
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except EOFError as error:
        raise InvalidInput("No password was given; nothing was changed.") from error
    if password != again:
        raise InvalidInput("The two passwords are not the same; nothing was changed.")
    return password


def _read_password() -> str:
    line = sys.stdin.buffer.readline()
    if not line:
        raise InvalidInput("Expected the password as a line of standard input, got none; nothing was changed.")
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InvalidInput("The password is not text in UTF-8; nothing was changed.") from error


# The commands: each returns what it has to say


def _add(data_dir: Path, options: argparse.Namespace) -> str:
    name, role = options.name, options.role
    run_beside_server(data_dir, partial(accounts.check_new_name, name=name))
    password_hash = hash_password(_ask_password())
    now = wall_clock()
    _change(data_dir, partial(accounts.add_user, name=name, role=role, password_hash=password_hash, now=now))
    return f"{name} may sign in now, as {role}."


def _password(data_dir: Path, options: argparse.Namespace) -> str:
    name = options.name
    run_beside_server(data_dir, partial(accounts.find_user, name=name))
    password_hash = hash_password(_ask_password())
    _change(data_dir, partial(accounts.set_password, name=name, password_hash=password_hash))
    return f"{name} has a new password; whoever was signed in by the old one no longer is."


def _role(data_dir: Path, options: argparse.Namespace) -> str:
    name, role = options.name, options.role
    _change(data_dir, partial(accounts.set_role, name=name, role=role))
    return f"{name} is {role} now; whoever was signed in under another role no longer is."


def _renew_token(data_dir: Path, options: argparse.Namespace) -> str:
    _change(data_dir, partial(accounts.renew_token, name=options.name))
    return f"The token of {options.name} is renewed and the old one void; POST api-token-auth gives the new one."


def _remove(data_dir: Path, options: argparse.Namespace) -> str:
    _change(data_dir, partial(accounts.remove_user, name=options.name))
    return f"{options.name} may not sign in any more."


def _list(data_dir: Path, _: argparse.Namespace) -> str:
    users = run_beside_server(data_dir, accounts.all_users)
    width = max((len(user.name) for user in users), default=0)
    lines = [f"{user.name:{width}}  {user.role:6}  since {_day(user.created)}" for user in users]
    return "\n".join(lines) or "There are no users yet; the first start of the server makes one, admin."


def _change(data_dir: Path, operation: Callable[[Connection], object]) -> None:
    """Returns when the change is in force, in a running server too."""
    run_beside_server(data_dir, operation)
    ring(data_dir)


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


@dataclass(frozen=True)
class Command:
    """What follows `server.py user`."""

    run: Callable[[Path, argparse.Namespace], str]
    help: str
    has_name: bool = True


COMMANDS = {
    "add": Command(_add, "lets somebody sign in"),
    "password": Command(_password, "sets a new password"),
    "role": Command(_role, "makes somebody a viewer or an admin"),
    "renew-token": Command(_renew_token, "makes the old token void"),
    "remove": Command(_remove, "lets somebody sign in no longer; never the last admin"),
    "list": Command(_list, "shows who may sign in", has_name=False),
}
