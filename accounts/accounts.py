"""Who may sign in: users, their sessions and their tokens.

The functions change the database, for the server and for commands alike; `Accounts` is the server's view of it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import secrets
import shlex
import sqlite3
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from accounts.passwords import hash_password
from jobs.errors import Conflict, InvalidInput, NotFound, StartError, StorageUnavailable
from storage.sqlite.database import DATABASE_NAME, Database, Transaction, write_beside_server
from storage.sqlite.statements import SQL

Role = Literal["admin", "viewer"]
ROLES: tuple[Role, ...] = ("admin", "viewer")
Connection = Transaction | sqlite3.Connection
Result = TypeVar("Result")

FIRST_ADMIN = "admin"
MOST_SESSIONS_A_USER = 2000
"""A thousand browsers may be one user."""
SESSION_BYTES = 32
KEY_BYTES = 32
COOKIE_NAME_CHARACTERS = 8

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class User(Struct, frozen=True):
    """Somebody who may sign in. `credentials` is another one after each change of the password or the role."""

    name: str
    role: Role
    password_hash: str
    token_generation: str
    credentials: str
    created: int


class Session(Struct, frozen=True):
    """A session by the hash of its cookie; it ends at `expires` (milliseconds), or with the user's credentials."""

    id_hash: str
    user: str
    credentials: str
    expires: int


class Identity(Struct, frozen=True, kw_only=True):
    """Who somebody proved to be, and how; `session` and `token` are the hashes of what was shown."""

    name: str
    role: Role
    credentials: str
    how: Literal["session", "token", "basic"]
    session: str | None = None
    token: str | None = None


# The database: one transaction each, the caller's


def all_users(connection: Connection) -> list[User]:
    return [User(*row) for row in connection.execute(SQL["users"])]


def find_user(connection: Connection, name: str) -> User:
    """Raises NotFound, which names those who are there."""
    row = connection.execute(SQL["user"], {"name": name}).fetchone()
    if row is None:
        names = ", ".join(user.name for user in all_users(connection)) or "no users yet"
        raise NotFound(f"There is no user {name!r}; there are: {names}.")
    return User(*row)


def check_new_name(connection: Connection, name: str) -> None:
    """Raises InvalidInput for what cannot be a name, Conflict for one that is taken."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"name: expected 1 to 64 of the characters a-z A-Z 0-9 . _ - @, got {name[:100]!r}")
    if connection.execute(SQL["user"], {"name": name}).fetchone() is not None:
        raise Conflict(f"There is a user {name} already; take another name.")


def add_user(connection: Connection, name: str, role: Role, password_hash: str, now: int) -> User:
    """Raises InvalidInput or Conflict as `check_new_name` does."""
    check_new_name(connection, name)
    user = User(name, role, password_hash, _random(), _random(), now)
    connection.execute(SQL["insert_user"], asdict(user))
    return user


def set_password(connection: Connection, name: str, password_hash: str) -> None:
    """Ends all that was signed in by the old password. Raises NotFound."""
    user = find_user(connection, name)
    _update_with_new_credentials(connection, replace(user, password_hash=password_hash))


def set_role(connection: Connection, name: str, role: Role) -> None:
    """Ends all that was signed in as the old role. Raises NotFound; Conflict for the last admin."""
    user = find_user(connection, name)
    if user.role == role:
        return
    _keep_an_admin(connection, user)
    _update_with_new_credentials(connection, replace(user, role=role))


def renew_token(connection: Connection, name: str) -> None:
    """Makes the user's token void; there is a new one at once. Raises NotFound."""
    user = find_user(connection, name)
    connection.execute(SQL["update_user"], asdict(replace(user, token_generation=_random())))


def remove_user(connection: Connection, name: str) -> None:
    """Raises NotFound; Conflict for the last admin."""
    _keep_an_admin(connection, find_user(connection, name))
    connection.execute(SQL["delete_user"], {"name": name})
    _delete_sessions_of(connection, name)


def _update_with_new_credentials(connection: Connection, user: User) -> None:
    connection.execute(SQL["update_user"], asdict(replace(user, credentials=_random())))
    _delete_sessions_of(connection, user.name)


def _keep_an_admin(connection: Connection, user: User) -> None:
    others = connection.execute(SQL["other_admins"], {"name": user.name}).fetchone()[0]
    if user.role == "admin" and others == 0:
        raise Conflict(f"{user.name} is the last admin; make somebody else an admin first.")


def _random() -> str:
    return secrets.token_hex(16)


def _add_first(connection: Connection, password_hash: str, now: int) -> bool:
    """Whether there was nobody, and is the admin now."""
    if all_users(connection):
        return False
    add_user(connection, FIRST_ADMIN, "admin", password_hash, now)
    return True


def _insert_session(connection: Connection, session: Session, instead_of: Sequence[str], now: int) -> list[str]:
    """Returns the hashes of the sessions that had to go."""
    keep = {"user": session.user, "keep": MOST_SESSIONS_A_USER - 1}
    _delete_sessions(connection, instead_of)
    gone = connection.execute(SQL["delete_expired_sessions"], {"now": now}).fetchall()
    gone += connection.execute(SQL["delete_surplus_sessions"], keep).fetchall()
    connection.execute(SQL["insert_session"], asdict(session))
    return [*instead_of, *(id_hash for (id_hash,) in gone)]


def _read_all(connection: Connection, now: int) -> tuple[list[User], list[Session]]:
    sessions = [Session(*row) for row in connection.execute(SQL["sessions"], {"now": now})]
    return all_users(connection), sessions


def run_beside_server(data_dir: Path, operation: Callable[[sqlite3.Connection], Result]) -> Result:
    """Runs `operation` in a transaction of its own, for commands: a server may be running, or none.

    Raises StartError where there cannot be a database, StorageUnavailable where it cannot be written, and whatever
    the operation raises; in all cases nothing is left behind.
    """
    try:
        check_key_is_private(data_dir)
        return write_beside_server(data_dir / DATABASE_NAME, operation)
    except sqlite3.Error as error:
        raise StorageUnavailable(f"The database cannot be used: {error}. Nothing was changed.") from error
    except OSError as error:
        raise StartError(f"[storage] data_dir: expected a directory to write to, got {data_dir} ({error})") from error


# The server's view: what is asked with each request costs no I/O


class Accounts:
    """Users and sessions in memory, read from the database by `load`, and by `reload` when a command changed it."""

    def __init__(self, database: Database, data_dir: Path, clock: Callable[[], int]) -> None:
        self._database = database
        self._data_dir = data_dir
        self._clock = clock
        self._key = b""
        self._users: dict[str, User] = {}
        self._name_by_token: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change that may have ended a sign-in."""
        # Without it, a reload that began before a session was opened would forget that session.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Raises StartError where the key cannot be had, StorageUnavailable where nothing can be read."""
        self._key = _key_in(self._data_dir)
        await self.reload()

    async def reload(self) -> None:
        async with self._changing:
            users, sessions = await self._database.read(partial(_read_all, now=self._clock()))
            self._users = {user.name: user for user in users}
            self._name_by_token = {_hash(self.token_of(name)): name for name in self._users}
            self._sessions = {session.id_hash: session for session in sessions}
        self.on_change()
        # What was accepted before the change is on disk before the change counts as being in force.
        with suppress(StorageUnavailable):
            await self._database.write(_nothing)

    @property
    def cookie_name(self) -> str:
        """The name of the session's cookie. Ports of one host share their cookies, so each installation has its own."""
        text = hmac.new(self._key, b"name of the cookie", sha256).hexdigest()
        return f"sessionid_{text[:COOKIE_NAME_CHARACTERS]}"

    async def ensure_admin(self, environ_password: str | None) -> str | None:
        """Makes the user `admin` where there is nobody; returns its password if it had to be invented."""
        if self._users:
            return None
        password = environ_password or secrets.token_urlsafe(15)
        try:
            password_hash = await asyncio.to_thread(hash_password, password)
        except InvalidInput as error:
            raise StartError(f"HOURGLASS_ADMIN_PASSWORD: {error}") from error
        made = await self._database.write(partial(_add_first, password_hash=password_hash, now=self._clock()))
        await self.reload()
        return password if made and not environ_password else None

    def user(self, name: str) -> User | None:
        return self._users.get(name)

    def token_of(self, name: str) -> str:
        """The user's token: computed, never stored. Raises NotFound."""
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
        """For whom has shown the right password."""
        user = self._users.get(name)
        return _identity(user, "basic") if user else None

    def is_valid(self, identity: Identity) -> bool:
        """Whether that still holds: the user, the role, and what was shown for it."""
        user = self._users.get(identity.name)
        if user is None or (user.credentials, user.role) != (identity.credentials, identity.role):
            return False
        if identity.session is not None:
            return self._open_session(identity.session) is not None
        return identity.token is None or identity.token in self._name_by_token

    def ends_at(self, identity: Identity) -> int | None:
        """When its session ends by age, in milliseconds since 1970; None if it does not."""
        session = self._sessions.get(identity.session or "")
        return session.expires if session else None

    async def open_session(self, name: str, seconds: float, instead_of: Sequence[Identity] = ()) -> str:
        """Returns the cookie, of which only the hash is kept; ends the sessions `instead_of`. Raises NotFound.

        The session belongs to the credentials of the moment of the call: a password that is changed meanwhile ends it.
        """
        user = self._known(name)
        cookie = secrets.token_urlsafe(SESSION_BYTES)
        async with self._changing:
            now = self._clock()
            session = Session(_hash(cookie), user.name, user.credentials, now + round(seconds * 1000))
            write = partial(_insert_session, session=session, instead_of=_sessions_of(instead_of), now=now)
            ended = await self._database.write(write)
            self._forget(ended)
            self._sessions[session.id_hash] = session
        if ended:
            self.on_change()
        return cookie

    async def close_sessions(self, identities: Sequence[Identity]) -> None:
        """Ends the sessions by which these have signed in."""
        id_hashes = _sessions_of(identities)
        async with self._changing:
            await self._database.write(partial(_delete_sessions, id_hashes=id_hashes))
            self._forget(id_hashes)
        self.on_change()

    async def close_all_sessions(self, name: str) -> None:
        """Ends all sessions of a user."""
        async with self._changing:
            await self._database.write(partial(_delete_sessions_of, user=name))
            self._forget([session.id_hash for session in self._sessions.values() if session.user == name])
        self.on_change()

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


def _delete_sessions(connection: Connection, id_hashes: Sequence[str]) -> None:
    for id_hash in id_hashes:
        connection.execute(SQL["delete_session"], {"id_hash": id_hash})


def _delete_sessions_of(connection: Connection, user: str) -> None:
    connection.execute(SQL["delete_sessions_of"], {"user": user})


def _identity(
    user: User, how: Literal["session", "token", "basic"], session: str | None = None, token: str | None = None
) -> Identity:
    return Identity(name=user.name, role=user.role, credentials=user.credentials, how=how, session=session, token=token)


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _sessions_of(identities: Sequence[Identity]) -> list[str]:
    return [identity.session for identity in identities if identity.session is not None]


def _nothing(_: Connection) -> None: ...


# The key of the tokens


def _key_in(data_dir: Path) -> bytes:
    """The key, made on first use. Raises StartError if it cannot be made, is not one, or others may read it."""
    path = _key_path(data_dir)
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise StartError(f"[storage] data_dir: expected to read or make {path} ({error.strerror})") from error
    if len(key) != KEY_BYTES:
        raise StartError(f"{path}: expected a key of {KEY_BYTES} bytes, got {len(key)}; remove it to renew all tokens")
    check_key_is_private(data_dir)
    return key


def check_key_is_private(data_dir: Path) -> None:
    """Raises StartError if the key is there and others may read or write it: whoever has it can make every token."""
    path = _key_path(data_dir)
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StartError(
                f"{path}: expected a file that only its owner can read, got mode {mode:04o}; "
                f"run: chmod 600 {shlex.quote(str(path))}"
            )


def _key_path(data_dir: Path) -> Path:
    return data_dir / "secret.key"


def _make_key(path: Path) -> None:
    """Whole or not at all; where somebody is first, theirs stays."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
