"""Users and sessions in SQLite: see accounts/store.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec.structs import asdict

from accounts.model import FIRST_ADMIN, Role, Session, User, check_name, last_admin, name_taken, no_such_user
from jobs.errors import StartError, StorageUnavailable
from storage.sqlite.opening import DATABASE_NAME, write_beside_server
from storage.sqlite.rows import Reader
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Transaction

Result = TypeVar("Result")


class AccountsDatabase(Protocol):
    """Runs reads and writes on the tables: the server's Database, or the file beside the server."""

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result: ...
    async def write(self, operation: Callable[[Transaction], Result]) -> Result: ...


class SqliteAccounts:
    """The AccountStore on a database."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    async def users(self) -> list[User]:
        return await self._database.read(_users)

    async def users_and_sessions(self, now: int) -> tuple[list[User], list[Session]]:
        return await self._database.read(partial(_users_and_sessions, now))

    async def user(self, name: str) -> User:
        return await self._database.read(partial(_user, name))

    async def check_new_name(self, name: str) -> None:
        await self._database.read(partial(_check_new_name, name))

    async def add_user(self, name: str, role: Role, password_hash: str, now: int) -> User:
        return await self._database.write(partial(_add_user, User.new(name, role, password_hash, now)))

    async def add_first_admin(self, password_hash: str, now: int) -> bool:
        return await self._database.write(partial(_add_first, User.new(FIRST_ADMIN, "admin", password_hash, now)))

    async def set_password(self, name: str, password_hash: str) -> None:
        await self._database.write(partial(_set_password, name, password_hash))

    async def set_role(self, name: str, role: Role) -> None:
        await self._database.write(partial(_set_role, name, role))

    async def renew_token(self, name: str) -> None:
        await self._database.write(partial(_renew_token, name))

    async def remove_user(self, name: str) -> None:
        await self._database.write(partial(_remove_user, name))

    async def add_session(self, session: Session, instead_of: Sequence[str], most: int, now: int) -> list[str]:
        return await self._database.write(partial(_add_session, session, instead_of, most, now))

    async def remove_sessions(self, id_hashes: Sequence[str]) -> None:
        await self._database.write(partial(_remove_sessions, id_hashes))

    async def remove_sessions_of(self, user: str) -> None:
        await self._database.write(partial(_remove_sessions_of, user))

    async def flush(self) -> None:
        await self._database.write(lambda _: None)


class FileBesideServer:
    """The database file for a command: a server may be using it, or none. Each call is a transaction of its own.

    All methods raise StartError if there cannot be a database, StorageUnavailable if it cannot be used.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        return self._run(function)

    async def write(self, operation: Callable[[Transaction], Result]) -> Result:
        return self._run(lambda connection: operation(Transaction(connection)))

    def _run(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return write_beside_server(self._data_dir / DATABASE_NAME, function)
        except sqlite3.Error as error:
            raise StorageUnavailable(f"The database cannot be used: {error}. Nothing was changed.") from error
        except OSError as error:
            raise StartError(
                f"[storage] data_dir: expected a directory to write to, got {self._data_dir} ({error})"
            ) from error


def accounts_beside_server(data_dir: Path) -> SqliteAccounts:
    """Returns the accounts for a command, whether a server is running on the directory or not."""
    return SqliteAccounts(FileBesideServer(data_dir))


# Inside one transaction.


def _users(reader: Reader) -> list[User]:
    return [User(*row) for row in reader.execute(SQL["users"])]


def _users_and_sessions(now: int, reader: Reader) -> tuple[list[User], list[Session]]:
    return _users(reader), [Session(*row) for row in reader.execute(SQL["sessions"], {"now": now})]


def _user(name: str, reader: Reader) -> User:
    row = reader.execute(SQL["user"], {"name": name}).fetchone()
    if row is None:
        raise no_such_user(name, _users(reader))
    return User(*row)


def _check_new_name(name: str, reader: Reader) -> None:
    check_name(name)
    if reader.execute(SQL["user"], {"name": name}).fetchone() is not None:
        raise name_taken(name)


def _add_user(user: User, transaction: Transaction) -> User:
    _check_new_name(user.name, transaction)
    transaction.execute(SQL["insert_user"], asdict(user))
    return user


def _add_first(user: User, transaction: Transaction) -> bool:
    if _users(transaction):
        return False
    _add_user(user, transaction)
    return True


def _set_password(name: str, password_hash: str, transaction: Transaction) -> None:
    _update(_user(name, transaction).with_password(password_hash), transaction)
    _remove_sessions_of(name, transaction)


def _set_role(name: str, role: Role, transaction: Transaction) -> None:
    user = _user(name, transaction)
    if user.role == role:
        return
    _keep_an_admin(user, transaction)
    _update(user.with_role(role), transaction)
    _remove_sessions_of(name, transaction)


def _renew_token(name: str, transaction: Transaction) -> None:
    _update(_user(name, transaction).with_new_token(), transaction)


def _remove_user(name: str, transaction: Transaction) -> None:
    _keep_an_admin(_user(name, transaction), transaction)
    transaction.execute(SQL["delete_user"], {"name": name})
    _remove_sessions_of(name, transaction)


def _keep_an_admin(user: User, transaction: Transaction) -> None:
    (others,) = transaction.execute(SQL["other_admins"], {"name": user.name}).fetchone()
    if user.role == "admin" and others == 0:
        raise last_admin(user.name)


def _update(user: User, transaction: Transaction) -> None:
    transaction.execute(SQL["update_user"], asdict(user))


def _add_session(
    session: Session, instead_of: Sequence[str], most: int, now: int, transaction: Transaction
) -> list[str]:
    _remove_sessions(instead_of, transaction)
    removed = transaction.execute(SQL["delete_expired_sessions"], {"now": now}).fetchall()
    surplus = {"user": session.user, "keep": most - 1}
    removed += transaction.execute(SQL["delete_surplus_sessions"], surplus).fetchall()
    transaction.execute(SQL["insert_session"], asdict(session))
    return [*instead_of, *(id_hash for (id_hash,) in removed)]


def _remove_sessions(id_hashes: Sequence[str], transaction: Transaction) -> None:
    for id_hash in id_hashes:
        transaction.execute(SQL["delete_session"], {"id_hash": id_hash})


def _remove_sessions_of(user: str, transaction: Transaction) -> None:
    transaction.execute(SQL["delete_sessions_of"], {"user": user})
