"""The certificates in DATA_DIR/tls: written whole or not at all, whoever is killed, and never over others."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm

from commands.authority import Certified, certify, new_authority, read_authority
from jobs.errors import Conflict
from private_files import check_is_private, write_private

SERVER = "server"


class CertificateFiles:
    """The folder of the certificates, for one command. Its methods raise Conflict, and OSError if it cannot be used."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "tls"

    def make_authority(self, now: datetime) -> datetime:
        """Writes a new authority and the server's own certificate; returns until when both are valid."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone_in(self.folder.parent):
            if os.path.lexists(self.folder):
                raise Conflict(
                    f"{self.folder} exists already, and nothing was changed: with a new authority, the server and all "
                    "hosts need new certificates. To make one nevertheless, move that folder away first."
                )
            authority = new_authority(now)
            unfinished = _unfinished(self.folder)
            if unfinished.exists():
                shutil.rmtree(unfinished)
            unfinished.mkdir(mode=0o700)
            for name, made in (("ca", authority), (SERVER, certify(SERVER, authority, now))):
                write_private(unfinished / f"{name}.key", made.key_pem)
                write_private(unfinished / f"{name}.pem", made.certificate_pem)
            unfinished.rename(self.folder)
        return authority.certificate.not_valid_after_utc

    def make_host(self, name: str, now: datetime) -> datetime:
        """Writes the certificate of a host and its key; returns until when it is valid."""
        if not self.folder.exists():
            raise Conflict("There is no authority yet: run first: server.py certificates ca")
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        with _alone_in(self.folder):
            if os.path.lexists(certificate):
                raise Conflict(
                    f"{certificate} exists already, and nothing was changed. To make another one for {name}, move "
                    "that file away first; the old one stays valid, unless a new authority is made."
                )
            made = certify(name, self._authority(now), now)
            # The certificate comes last: if it is there, so is its key.
            for path, content in ((key, made.key_pem), (certificate, made.certificate_pem)):
                unfinished = _unfinished(path)
                unfinished.unlink(missing_ok=True)
                write_private(unfinished, content)
                unfinished.rename(path)
        return made.certificate.not_valid_after_utc

    def _authority(self, now: datetime) -> Certified:
        certificate, key = self.folder / "ca.pem", self.folder / "ca.key"
        check_is_private(key)
        try:
            authority = read_authority(certificate.read_bytes(), key.read_bytes())
        except FileNotFoundError as error:
            raise Conflict(f"{error.filename} is missing: put it back, or move {self.folder} away") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Conflict(f"{certificate} and {key} are not the authority that was made here: {error}") from error
        end = authority.certificate.not_valid_after_utc
        if end <= now:
            raise Conflict(
                f"The authority in {self.folder} was valid until {end:%Y-%m-%d}: move that folder away, make a new "
                "one, and new certificates for all hosts."
            )
        return authority


def _unfinished(path: Path) -> Path:
    """Returns what it is called until it is written whole; no host has such a name. Who is killed leaves it there."""
    return path.with_name(f".{path.name}.unfinished")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other command writes there. What was written is on disk afterwards."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
