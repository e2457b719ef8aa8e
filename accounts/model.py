"""Users, their sessions, and authenticated identities. Pure, for every store of accounts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import Conflict, InvalidInput, NotFound

Role = Literal["admin", "viewer"]
ROLES: tuple[Role, ...] = ("admin", "viewer")

FIRST_ADMIN = "admin"
KEY_NAME = "secret.key"
"""The file in the data directory from which tokens are computed."""

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class User(Struct, frozen=True):
    """Somebody who may sign in. Each change of the password or the role changes `credentials` as well."""

    name: str
    role: Role
    password_hash: str
    token_generation: str
    credentials: str
    created: int

    @classmethod
    def new(cls, name: str, role: Role, password_hash: str, now: int) -> User:
        """Returns a user who is not stored yet. Raises InvalidInput."""
        check_name(name)
        return cls(name, role, password_hash, _random(), _random(), now)

    def with_password(self, password_hash: str) -> User:
        return replace(self, password_hash=password_hash, credentials=_random())

    def with_role(self, role: Role) -> User:
        return replace(self, role=role, credentials=_random())

    def with_new_token(self) -> User:
        return replace(self, token_generation=_random())


class Session(Struct, frozen=True):
    """A session by the hash of its cookie; it ends at `expires` (milliseconds), or with the user's credentials."""

    id_hash: str
    user: str
    credentials: str
    expires: int


class Identity(Struct, frozen=True, kw_only=True):
    """An authenticated user; `session` and `token` are the hashes of what was presented."""

    name: str
    role: Role
    credentials: str
    how: Literal["session", "token", "basic"]
    session: str | None = None
    token: str | None = None


def check_name(name: str) -> None:
    """Raises InvalidInput if it cannot be the name of a user."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"name: expected 1 to 64 of the characters a-z A-Z 0-9 . _ - @, got {name[:100]!r}")


# Why a store refuses a change, in the same words for every store.


def no_such_user(name: str, existing: Iterable[User]) -> NotFound:
    names = ", ".join(user.name for user in existing) or "no users yet"
    return NotFound(f"There is no user {name!r}; there are: {names}.")


def name_taken(name: str) -> Conflict:
    return Conflict(f"There is already a user {name}; choose another name.")


def last_admin(name: str) -> Conflict:
    return Conflict(f"{name} is the last admin; make somebody else an admin first.")


def _random() -> str:
    return secrets.token_hex(16)
