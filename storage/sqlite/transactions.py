"""Transactions of the writer: many operations in one, and each refused alone. All of it runs in the writer's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jobs.errors import StorageUnavailable
from storage.sqlite.errors import sentence_of
from storage.sqlite.files import FilesLost, OpenFiles

Item = TypeVar("Item")
Result = TypeVar("Result")


class Transaction:
    """One transaction of the writer.

    `state` is what its operations share in Python, as immutable values: it is restored if an operation is refused.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.state: dict[str, Any] = {}
        self.has_written = False


Operation = Callable[[Transaction], Result]


@dataclass(frozen=True)
class Joint(Generic[Item, Result]):
    """An operation that is batched with others in the same transaction: `perform` is called once with all their items,
    in order, and returns one result each."""

    perform: Callable[[Sequence[Item], Transaction], Sequence[Result]]
    item: Item

    def __call__(self, transaction: Transaction) -> Result:
        return self.perform([self.item], transaction)[0]


_OF_ONE_OPERATION = (sqlite3.IntegrityError, sqlite3.DataError)
"""The errors of one operation's values. Any other error of SQLite concerns the database, and all operations."""


class _Refused(Exception):
    """Raised if an operation of a group raises: the group has to run again, each operation in a savepoint."""


def commit(
    operations: list[Operation[Any]],
    finish: Callable[[Transaction], None],
    files: OpenFiles,
    connection: sqlite3.Connection,
) -> tuple[Transaction, list[Any]]:
    """Runs all operations in one transaction; returns the result of each, or the exception that it raised.

    Nearly always none raises. So the first attempt has no savepoints: each would be two more statements, and each
    statement releases Python's lock and has to wait for it again.
    """
    try:
        return _run(operations, finish, files, connection, _perform_all)
    except _Refused:
        return _run(operations, finish, files, connection, _attempt_all)


def _run(
    operations: list[Operation[Any]],
    finish: Callable[[Transaction], None],
    files: OpenFiles,
    connection: sqlite3.Connection,
    perform: Callable[[list[Operation[Any]], Transaction], list[Any]],
) -> tuple[Transaction, list[Any]]:
    try:
        try:
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(connection)
            changes_before = connection.total_changes
            outcomes = perform(operations, transaction)
            finish(transaction)
            transaction.has_written |= connection.total_changes > changes_before
            if transaction.has_written:
                files.take_step(connection)
            files.check(connection)
            connection.execute("COMMIT")
        except sqlite3.Error:
            files.check(connection)  # the error may be the content of another file
            raise
    except sqlite3.Error as error:
        raise StorageUnavailable(sentence_of(error)) from error
    except FilesLost as error:
        raise StorageUnavailable(f"Nothing can be stored: {error}.") from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return transaction, outcomes


def _perform_all(operations: list[Operation[Any]], transaction: Transaction) -> list[Any]:
    """Returns the results of all operations. Raises _Refused if one raises."""
    try:
        joint = [place for place, operation in enumerate(operations) if isinstance(operation, Joint)]
        outcomes = _perform_joint([operations[place] for place in joint], transaction) if len(joint) > 1 else []
        found = dict(zip(joint, outcomes, strict=False))
        return [found[place] if place in found else one(transaction) for place, one in enumerate(operations)]
    except _OF_ONE_OPERATION as error:
        raise _Refused from error
    except sqlite3.Error:
        raise
    except Exception as error:
        raise _Refused from error


def _perform_joint(operations: Sequence[Any], transaction: Transaction) -> list[Any]:
    """Runs those with the same `perform` together, in their order."""
    outcomes: list[Any] = [None] * len(operations)
    for perform in dict.fromkeys(operation.perform for operation in operations):
        places = [place for place, operation in enumerate(operations) if operation.perform is perform]
        results = perform([operations[place].item for place in places], transaction)
        for place, result in zip(places, results, strict=True):
            outcomes[place] = result
    return outcomes


def _attempt_all(operations: list[Operation[Any]], transaction: Transaction) -> list[Any]:
    return [_attempt(operation, transaction) for operation in operations]


def _attempt(operation: Operation[Result], transaction: Transaction) -> Result | Exception:
    """Runs one operation inside a savepoint, so that a refused one does not affect the others."""
    transaction.execute("SAVEPOINT attempt")
    state = transaction.state.copy()
    try:
        result = operation(transaction)
    except sqlite3.Error as error:
        if not isinstance(error, _OF_ONE_OPERATION):
            raise
        outcome: Result | Exception = error
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs to this caller alone
        outcome = error
    else:
        transaction.execute("RELEASE attempt")
        return result
    transaction.execute("ROLLBACK TO attempt")
    transaction.execute("RELEASE attempt")
    transaction.state = state
    try:
        return outcome
    finally:
        del outcome  # as in Database.write
