"""A database as the version before the renewal of words has left it."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from storage.sqlite.opening import MIGRATIONS, split_statements

FIRST_RENEWED = "0009_words.sql"


def split_as_before(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def make_older(directory: Path, descriptions: Sequence[str]) -> None:
    """Ended tasks of these descriptions, with ids from 1."""
    directory.mkdir(parents=True, exist_ok=True)
    steps = [step for step in sorted(MIGRATIONS.glob("*.sql")) if step.name < FIRST_RENEWED]
    with closing(sqlite3.connect(directory / "hourglass.db", isolation_level=None)) as connection:
        connection.create_function("split_words", 1, split_as_before, deterministic=True)
        connection.execute("BEGIN")
        for step in steps:
            for statement in split_statements(step.read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.executemany(
            """
            INSERT INTO tasks (job, params, description, metadata, status, stopping, forced, percent, round,
                checkpoint_round, message, created, last_modified, ended, stalled, outcome, interruptions, deaths,
                priority, pinned, revision)
            VALUES ('test_task', '{"times": 1}', ?, '{}', 'Aborted', 0, 0, 0, 0,
                0, '', 1, 1, 1, 0, 'Aborted', 0, 0, 0, 1, 1)
            """,
            [(description,) for description in descriptions],
        )
        connection.executemany(
            "INSERT INTO task_words (rowid, words) VALUES (?, ?)",
            [(number, split_as_before(description)) for number, description in enumerate(descriptions, start=1)],
        )
        connection.execute("UPDATE head SET revision = 1, aborted = ?", (len(descriptions),))
        connection.execute("COMMIT")
