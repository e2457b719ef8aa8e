"""What is handed to every handler."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.feed import Feed
from jobs.queue import TaskQueue
from jobs.registry import Registry
from storage import ListingStore
from storage.database import Database


@dataclass(frozen=True)
class Tasks:
    """All that has to do with tasks, opened and going."""

    database: Database
    store: ListingStore
    queue: TaskQueue
    feed: Feed
    registry: Registry
