"""What is handed to every handler."""

from __future__ import annotations

from dataclasses import dataclass

from config import Config
from handlers.connections import Connections
from handlers.signin import SignIn
from jobs.feed import Feed
from jobs.queue import TaskQueue
from jobs.registry import Registry
from storage import KeepingStore
from storage.accounts import Accounts
from storage.database import Database


@dataclass(frozen=True)
class Tasks:
    """All that has to do with tasks, opened and going."""

    database: Database
    store: KeepingStore
    queue: TaskQueue
    feed: Feed
    registry: Registry


@dataclass(frozen=True)
class Services:
    """Tasks, and who may do what with them."""

    config: Config
    version: str
    tasks: Tasks
    accounts: Accounts
    sign_in: SignIn
    connections: Connections
