"""The contract of every store of users and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from accounts.model import Role, Session, User


class AccountStore(Protocol):
    """Stores who may sign in, for the server and for the commands beside it.

    Each method is one transaction. One that raises has changed nothing; all raise StorageUnavailable.
    """

    async def users(self) -> list[User]:
        """Returns all users by name."""

    async def users_and_sessions(self, now: int) -> tuple[list[User], list[Session]]:
        """Returns all users and the sessions that have not expired, in one snapshot."""

    async def user(self, name: str) -> User:
        """Returns one user. Raises NotFound, which names the users that exist."""

    async def check_new_name(self, name: str) -> None:
        """Raises InvalidInput if it cannot be a name, Conflict if it is taken."""

    async def add_user(self, name: str, role: Role, password_hash: str, now: int) -> User:
        """Adds a user. Raises InvalidInput and Conflict as `check_new_name` does."""

    async def add_first_admin(self, password_hash: str, now: int) -> bool:
        """Adds the user `admin` if there are no users; returns whether it did."""

    async def set_password(self, name: str, password_hash: str) -> None:
        """Sets a password and ends the user's sessions. Raises NotFound."""

    async def set_role(self, name: str, role: Role) -> None:
        """Sets a role and ends the user's sessions, unless it is the role already. Raises NotFound; Conflict if it
        would leave no admin."""

    async def renew_token(self, name: str) -> None:
        """Replaces the user's token. Raises NotFound."""

    async def remove_user(self, name: str) -> None:
        """Removes a user with all sessions. Raises NotFound; Conflict for the last admin."""

    async def add_session(self, session: Session, instead_of: Sequence[str], most: int, now: int) -> list[str]:
        """Adds a session and removes those `instead_of` (by hash), all expired ones, and of more than `most` of its
        user the ones that expire first, but never the new one. Returns the hashes of the removed sessions."""

    async def remove_sessions(self, id_hashes: Sequence[str]) -> None:
        """Removes sessions by their hashes."""

    async def remove_sessions_of(self, user: str) -> None:
        """Removes all sessions of a user."""

    async def flush(self) -> None:
        """Returns when every write that began before is on disk."""
