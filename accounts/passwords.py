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
    """Raises InvalidInput if it cannot be a password."""
    if not can_be_password(password):
        raise InvalidInput(
            f"password: expected a text of 1 to {LONGEST_PASSWORD_CHARACTERS} characters, got {len(password)}"
            if _is_text(password)
            else "password: expected a text in UTF-8"
        )


def hash_password(password: str) -> str:
    """Returns what is stored of a password. Raises InvalidInput if it cannot be one."""
    check_password(password)
    return _HASHER.hash(password)


def verify(password_hash: str, password: str) -> bool:
    """Returns whether that is the password of the hash."""
    if not can_be_password(password):
        return False
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False


def can_be_password(password: str) -> bool:
    """Returns whether it can be a password at all; if not, there is no hash that it could match."""
    return 1 <= len(password) <= LONGEST_PASSWORD_CHARACTERS and _is_text(password)


def _is_text(password: str) -> bool:
    """Returns whether it has no lone surrogates, which are characters in Python, but in no text."""
    return not any("\ud800" <= character <= "\udfff" for character in password)


def _hash_of_nothing() -> str:
    """Returns random bytes in the form of a hash: verifying costs the same, and no password matches."""
    lengths = (_HASHER.salt_len, _HASHER.hash_len)
    salt, digest = (b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in lengths)
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


NOBODY = _hash_of_nothing()
"""Verified for an unknown name, so that it takes as long as a known one."""
