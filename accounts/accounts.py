"""Users and sessions in the server's memory: checks that come with every request cost no I/O."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

from accounts.model import Identity, Session, User
from accounts.passwords import hash_password
from accounts.store import AccountStore
from accounts.token_key import read_or_make_key
from jobs.errors import InvalidInput, NotFound, StartError, StorageUnavailable

MOST_SESSIONS_A_USER = 2000
"""A thousand browsers may be one user."""
SESSION_BYTES = 32
COOKIE_NAME_CHARACTERS = 8


class AccountsListener(Protocol):
    """Listens to changes of the accounts."""

    def sign_ins_may_have_ended(self) -> None:
        """Reports a change that may have ended sign-ins, once it is in force."""


class Accounts:
    """Users and sessions in memory, read from the store by `load`, and by `reload` when a command changed it."""

    def __init__(self, store: AccountStore, data_dir: Path, clock: Callable[[], int]) -> None:
        self._store = store
        self._data_dir = data_dir
        self._clock = clock
        self._key = b""
        self._users: dict[str, User] = {}
        self._name_by_token: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}
        self._listeners: list[AccountsListener] = []
        # Without it, a reload that began before a session was opened would forget that session.
        self._changing = asyncio.Lock()

    def report_to(self, listener: AccountsListener) -> None:
        """Reports changes to `listener` from now on."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Raises StartError if there is no usable key, StorageUnavailable if nothing can be read."""
        self._key = read_or_make_key(self._data_dir)
        await self.reload()

    async def reload(self) -> None:
        """Reads the store, and returns when its content is in force. Raises StorageUnavailable."""
        async with self._changing:
            users, sessions = await self._store.users_and_sessions(self._clock())
            self._users = {user.name: user for user in users}
            self._name_by_token = {_hash(self.token_of(name)): name for name in self._users}
            self._sessions = {session.id_hash: session for session in sessions}
        self._report_change()
        # What was accepted before the change is on disk before the change counts as being in force.
        with suppress(StorageUnavailable):
            await self._store.flush()

    @property
    def cookie_name(self) -> str:
        """Returns the name of the session's cookie. Ports of one host share their cookies, so each installation has its
        own."""
        text = hmac.new(self._key, b"name of the cookie", sha256).hexdigest()
        return f"sessionid_{text[:COOKIE_NAME_CHARACTERS]}"

    async def ensure_admin(self, environ_password: str | None) -> str | None:
        """Adds the user `admin` if there are no users; returns its password if it had to be invented."""
        if self._users:
            return None
        password = environ_password or secrets.token_urlsafe(15)
        try:
            password_hash = await asyncio.to_thread(hash_password, password)
        except InvalidInput as error:
            raise StartError(f"HOURGLASS_ADMIN_PASSWORD: {error}") from error
        was_added = await self._store.add_first_admin(password_hash, self._clock())
        await self.reload()
        return password if was_added and not environ_password else None

    def user(self, name: str) -> User | None:
        return self._users.get(name)

    def token_of(self, name: str) -> str:
        """Computes the user's token, which is never stored. Raises NotFound."""
        user = self._known(name)
        text = f"{user.name}\0{user.token_generation}"
        return hmac.new(self._key, text.encode(), sha256).hexdigest()

    def by_token(self, token: str) -> Identity | None:
        token_hash = _hash(token)
        user = self._users.get(self._name_by_token.get(token_hash, ""))
        return _identity(user, "token", token=token_hash) if user else None

    def by_session(self, cookie: str) -> Identity | None:
        session = self._open_session(_hash(cookie))
        return _identity(self._users[session.user], "session", session=session.id_hash) if session else None

    def by_password(self, name: str) -> Identity | None:
        """Returns the identity of somebody who gave the right password."""
        user = self._users.get(name)
        return _identity(user, "basic") if user else None

    def is_valid(self, identity: Identity) -> bool:
        """Returns whether the identity still holds: the user, the role, and the session or token."""
        user = self._users.get(identity.name)
        if user is None or (user.credentials, user.role) != (identity.credentials, identity.role):
            return False
        if identity.session is not None:
            return self._open_session(identity.session) is not None
        return identity.token is None or identity.token in self._name_by_token

    def ends_at(self, identity: Identity) -> int | None:
        """Returns when the identity's session expires, in milliseconds since 1970; None if it does not."""
        session = self._sessions.get(identity.session or "")
        return session.expires if session else None

    async def open_session(self, name: str, seconds: float, instead_of: Sequence[Identity] = ()) -> str:
        """Returns the cookie, of which only the hash is stored; ends the sessions `instead_of`. Raises NotFound.

        The session belongs to the credentials at the moment of the call: if the password is changed meanwhile, the
        session ends.
        """
        user = self._known(name)
        cookie = secrets.token_urlsafe(SESSION_BYTES)
        async with self._changing:
            now = self._clock()
            session = Session(_hash(cookie), user.name, user.credentials, now + round(seconds * 1000))
            ended = await self._store.add_session(session, _sessions_of(instead_of), MOST_SESSIONS_A_USER, now)
            self._forget(ended)
            self._sessions[session.id_hash] = session
        if ended:
            self._report_change()
        return cookie

    async def close_sessions(self, identities: Sequence[Identity]) -> None:
        """Ends the sessions by which these have signed in."""
        id_hashes = _sessions_of(identities)
        async with self._changing:
            await self._store.remove_sessions(id_hashes)
            self._forget(id_hashes)
        self._report_change()

    async def close_all_sessions(self, name: str) -> None:
        """Ends all sessions of a user."""
        async with self._changing:
            await self._store.remove_sessions_of(name)
            self._forget([session.id_hash for session in self._sessions.values() if session.user == name])
        self._report_change()

    def _report_change(self) -> None:
        for listener in self._listeners:
            listener.sign_ins_may_have_ended()

    def _forget(self, id_hashes: Sequence[str]) -> None:
        for id_hash in id_hashes:
            self._sessions.pop(id_hash, None)

    def _known(self, name: str) -> User:
        if name not in self._users:
            raise NotFound(f"There is no user {name!r}.")
        return self._users[name]

    def _open_session(self, id_hash: str) -> Session | None:
        session = self._sessions.get(id_hash)
        if session is None or session.expires <= self._clock():
            return None
        user = self._users.get(session.user)
        return session if user is not None and user.credentials == session.credentials else None


def _identity(
    user: User, how: Literal["session", "token", "basic"], session: str | None = None, token: str | None = None
) -> Identity:
    return Identity(name=user.name, role=user.role, credentials=user.credentials, how=how, session=session, token=token)


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _sessions_of(identities: Sequence[Identity]) -> list[str]:
    return [identity.session for identity in identities if identity.session is not None]
