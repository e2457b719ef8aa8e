"""Passwords as argon2id hashes (RFC 9106). One takes tens of milliseconds and 64 MiB: never in the event loop."""

from __future__ import annotations

import secrets
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from jobs.errors import InvalidInput

LONGEST_PASSWORD_CHARACTERS = 1024

_HASHER = PasswordHasher()


def check_password(password: str) -> None:
    """Raises InvalidInput where it cannot be a password."""
    if not can_be_password(password):
        raise InvalidInput(
            f"password: expected a text of 1 to {LONGEST_PASSWORD_CHARACTERS} characters, got {len(password)}"
            if _is_text(password)
            else "password: expected a text in UTF-8"
        )


def hash_password(password: str) -> str:
    """What is stored of a password. Raises InvalidInput where it cannot be one."""
    check_password(password)
    return _HASHER.hash(password)


def verify(password_hash: str, password: str) -> bool:
    """Whether that is the password of the hash."""
    if not can_be_password(password):
        return False
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False


def can_be_password(password: str) -> bool:
    """Whether it can be one at all; if not, there is no hash that it could fit."""
    return 1 <= len(password) <= LONGEST_PASSWORD_CHARACTERS and _is_text(password)


def _is_text(password: str) -> bool:
    """A lone surrogate is a character of Python, but of no text."""
    return not any("\ud800" <= character <= "\udfff" for character in password)


def _hash_of_nothing() -> str:
    """Random bytes in the form of a hash: verified at the same cost, and by no password."""
    salt, digest = (_base64(secrets.token_bytes(count)) for count in (_HASHER.salt_len, _HASHER.hash_len))
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _base64(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


NOBODY = _hash_of_nothing()
"""To be verified for an unknown name, so that it takes as long as a known one."""
