"""`server.py user …`: manages who may sign in, whether the server is running or not."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from accounts.model import ROLES
from accounts.passwords import hash_password
from accounts.reload_socket import notify
from accounts.store import AccountStore
from accounts.token_key import check_key_is_private
from commands.command_line import answer, read_words
from config import Parser
from jobs.clock import wall_clock
from jobs.errors import InvalidInput

Result = TypeVar("Result")


def main(argv: Sequence[str], open_accounts: Callable[[Path], AccountStore]) -> int:
    """Returns the exit code. `open_accounts` opens the accounts of a data directory, whether a server is running on it
    or not."""

    def carry_out() -> str:
        options, config = read_words(_parser(), argv)
        data_dir = config.storage.data_dir
        check_key_is_private(data_dir)
        result: str = options.run(Accounts(open_accounts(data_dir), data_dir), options)
        return result

    return answer(carry_out)


@dataclass(frozen=True)
class Accounts:
    """The accounts of a data directory, for one command."""

    store: AccountStore
    data_dir: Path

    def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        """Returns what the store answers. asyncio.run would not let Ctrl-C interrupt a wait for a locked database."""
        with closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(request)

    def change(self, request: Coroutine[Any, Any, object]) -> None:
        """Returns when the change is in force, in a running server too."""
        self.run(request)
        notify(self.data_dir)


# The command line


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "server.py user",
        description="Manages who may sign in.",
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
            words.add_argument("--role", choices=ROLES, default="viewer", help="default: viewer")
        if name == "role":
            words.add_argument("role", choices=ROLES)
    return parser


def _ask_password() -> str:
    """Asks for it twice at a terminal; else reads a line of standard input. Raises InvalidInput."""
    if not sys.stdin.isatty():
        return _read_password()
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except EOFError as error:
        raise InvalidInput("No password was given; nothing was changed.") from error
    if password != again:
        raise InvalidInput("The two passwords differ; nothing was changed.")
    return password


def _read_password() -> str:
    line = sys.stdin.buffer.readline()
    if not line:
        raise InvalidInput("Expected the password as a line of standard input, got none; nothing was changed.")
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InvalidInput("The password is not text in UTF-8; nothing was changed.") from error


# The commands: each returns what is printed


def _add(accounts: Accounts, options: argparse.Namespace) -> str:
    name, role = options.name, options.role
    accounts.run(accounts.store.check_new_name(name))
    password_hash = hash_password(_ask_password())
    accounts.change(accounts.store.add_user(name, role, password_hash, wall_clock()))
    return f"{name} may now sign in as {role}."


def _password(accounts: Accounts, options: argparse.Namespace) -> str:
    name = options.name
    accounts.run(accounts.store.user(name))
    accounts.change(accounts.store.set_password(name, hash_password(_ask_password())))
    return f"{name} has a new password; all sessions with the old one have ended."


def _role(accounts: Accounts, options: argparse.Namespace) -> str:
    name, role = options.name, options.role
    accounts.change(accounts.store.set_role(name, role))
    return f"{name} is {role} now; all sessions with another role have ended."


def _renew_token(accounts: Accounts, options: argparse.Namespace) -> str:
    accounts.change(accounts.store.renew_token(options.name))
    return f"The token of {options.name} is renewed and the old one is void; POST api-token-auth returns the new one."


def _remove(accounts: Accounts, options: argparse.Namespace) -> str:
    accounts.change(accounts.store.remove_user(options.name))
    return f"{options.name} may no longer sign in."


def _list(accounts: Accounts, _: argparse.Namespace) -> str:
    users = accounts.run(accounts.store.users())
    width = max((len(user.name) for user in users), default=0)
    lines = [f"{user.name:{width}}  {user.role:6}  since {_day(user.created)}" for user in users]
    return "\n".join(lines) or "There are no users yet; the first start of the server creates one, admin."


def _day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


@dataclass(frozen=True)
class Command:
    """A command after `server.py user`."""

    run: Callable[[Accounts, argparse.Namespace], str]
    help: str
    has_name: bool = True


COMMANDS = {
    "add": Command(_add, "adds a user"),
    "password": Command(_password, "sets a new password"),
    "role": Command(_role, "makes a user a viewer or an admin"),
    "renew-token": Command(_renew_token, "replaces the token of a user"),
    "remove": Command(_remove, "removes a user, but never the last admin"),
    "list": Command(_list, "lists the users", has_name=False),
}
