"""Explains SQLite's errors to people."""

from __future__ import annotations

import sqlite3

from jobs.errors import StorageUnavailable

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another program holds the database locked",
    sqlite3.SQLITE_LOCKED: "another program holds the database locked",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
}


def sentence_of(error: sqlite3.Error) -> str:
    """Returns the error as a sentence for a client."""
    return (
        f"Nothing can be stored at the moment: {reason_of(error)}. "
        "Nothing was changed; try again once that is resolved."
    )


def reason_of(error: BaseException) -> str:
    """Returns the reason in a few words, of SQLite's error or of ours that was raised from it."""
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        return reason_of(error.__cause__)
    return _REASONS.get(code_of(error), str(error))


def is_damaged(error: Exception) -> bool:
    """Returns whether SQLite could not make sense of what it read."""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def code_of(error: BaseException) -> int:
    """Returns SQLite's code without its extension, 0 if it has none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
