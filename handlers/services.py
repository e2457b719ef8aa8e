"""The services that every handler gets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from accounts.accounts import Accounts
from accounts.expiry import SignInExpiry
from accounts.signin import SignIn
from ceph.images.results import ImageResults
from ceph.pool_changes.creations import PoolCreations
from ceph.reader.watch import ClusterWatches
from config import Config
from handlers.http.access_log import HttpTally
from handlers.http.connections import Connections
from handlers.http.limits import ClientLimits, RefusedTally
from jobs.definition.registry import Registry
from jobs.engine import Workers
from jobs.live.feed import Feed
from jobs.queue.choosing import ChoiceFinder
from jobs.queue.retention_pause import RetentionPause
from jobs.queue.task_queue import TaskQueue
from jobs.store import SearchableStore, StoreHealth


@dataclass(frozen=True, kw_only=True)
class TaskServices:
    """Everything about tasks, opened and running."""

    health: StoreHealth
    store: SearchableStore
    queue: TaskQueue
    workers: Workers
    feed: Feed
    registry: Registry
    clusters: ClusterWatches
    images: ImageResults
    creations: PoolCreations
    retention_pause: RetentionPause
    limits: ClientLimits


@dataclass(frozen=True, kw_only=True)
class Services(TaskServices):
    """Everything that handlers use. `started` is a time of the monotonic clock, in seconds."""

    config: Config
    version: str
    accounts: Accounts
    sign_in: SignIn
    expiry: SignInExpiry
    connections: Connections
    choices: ChoiceFinder = field(default_factory=ChoiceFinder)
    answers: HttpTally = field(default_factory=HttpTally)
    started: float = field(default_factory=time.monotonic)

    @property
    def refused(self) -> RefusedTally:
        """Counts what exceeded a limit."""
        return self.limits.refused
