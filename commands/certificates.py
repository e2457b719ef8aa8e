"""`server.py certificates …`: makes what the server and its hosts know each other by, in DATA_DIR/tls."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commands.command_line import answer, read_words
from config import Parser
from jobs.errors import Conflict, InvalidInput, StartError

if TYPE_CHECKING:
    from commands.certificate_files import CertificateFiles

HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
NOT_OF_HOSTS = ("ca", "server")


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""

    def carry_out() -> str:
        options, config = read_words(_parser(), argv)
        data_dir = config.storage.data_dir
        try:
            result: str = options.run(_files(data_dir), options)
        except OSError as error:
            sentence = f"[storage] data_dir: expected a directory to write to, got {data_dir} ({error})"
            raise StartError(sentence) from error
        return result

    return answer(carry_out)


def _files(data_dir: Path) -> CertificateFiles:
    """Raises Conflict if the library is missing that makes certificates: nobody else needs it."""
    try:
        from commands.certificate_files import CertificateFiles
    except ImportError as error:
        raise Conflict(
            f"Certificates need the packages of requirements/hosts.txt ({error}); run: tools/setup hosts"
        ) from error
    return CertificateFiles(data_dir)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "server.py certificates",
        description="Makes the certificates by which the server and its hosts know each other, in DATA_DIR/tls.",
        epilog="The server's --config, --data-dir and --set say which server's certificates these are.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    authority = commands.add_parser(
        "ca", help="makes the authority that signs them, and the server's own", allow_abbrev=False
    )
    authority.set_defaults(run=_ca)
    host = commands.add_parser("host", help="makes the one of a host", allow_abbrev=False)
    host.set_defaults(run=_host)
    host.add_argument("name", metavar="NAME")
    return parser


# The commands: each returns what is printed


def _ca(files: CertificateFiles, _: argparse.Namespace) -> str:
    now = datetime.now(UTC)
    end = files.make_authority(now)
    return f"""\
{files.folder} has a new authority and the server's own certificate, valid for {_years(now, end)}.
ca.key stays there: whoever has it can make hosts, and a host can do all that the server can.
Next, for each host: server.py certificates host NAME"""


def _host(files: CertificateFiles, options: argparse.Namespace) -> str:
    name = options.name
    if not HOST_NAME.fullmatch(name) or name in NOT_OF_HOSTS:
        raise InvalidInput(
            "name: expected 1 to 64 of the characters a-z A-Z 0-9 . _ -, neither . nor - as the first, and not "
            f"{' or '.join(NOT_OF_HOSTS)}, got {name[:100]!r}"
        )
    now = datetime.now(UTC)
    end = files.make_host(name, now)
    return f"""\
{name} has a certificate, valid for {_years(now, end)}.
Copy these three files to the host, so that only the user who runs the worker can read the key:
    {files.folder / "ca.pem"}
    {files.folder / f"{name}.pem"}
    {files.folder / f"{name}.key"}
There, name them in config.ini, with their paths on the host:
    [dask]
    ca = DIRECTORY/ca.pem
    certificate = DIRECTORY/{name}.pem
    key = DIRECTORY/{name}.key
Whoever has {name}.key can do all that the server can."""


def _years(now: datetime, end: datetime) -> str:
    return f"{(end - now).days / 365:.3g} years, until {end:%Y-%m-%d}"
