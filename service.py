"""Assembles the service: opens its parts in order, serves until a signal, and stops them in reverse.

The only file, besides the entry in server.py, that names implementations of stores and engines.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache, partial
from socket import socket

from tornado.netutil import bind_sockets

import streams
from accounts.accounts import Accounts
from accounts.expiry import SignInExpiry
from accounts.reload_socket import listen
from accounts.signin import SignIn
from ceph.clusters import Clusters
from ceph.images.results import ImageResults
from ceph.known_clusters import KnownClusters
from ceph.pool_changes.creations import PoolCreations
from ceph.reader.reader import ReaderSettings
from ceph.reader.watch import ClusterWatches
from config import Config, load_config
from handlers.http.connections import Connections
from handlers.http.gate import Gate
from handlers.http.limits import MEGABYTE, ClientLimits
from handlers.http.overflow import Overflow
from handlers.http.proxies import Proxies
from handlers.http.server import Server
from handlers.live import text_frame
from handlers.routes import make_application
from handlers.services import Services, TaskServices
from jobs.clock import wall_clock
from jobs.definition.loading import load_registry
from jobs.definition.registry import Registry
from jobs.engines.local.pool import WorkerPool
from jobs.engines.local.sources import Sources
from jobs.engines.local.worker import WorkerSettings
from jobs.errors import HourglassError, StartError
from jobs.live.feed import Feed
from jobs.queue.renewal import renew
from jobs.queue.retention import Retention
from jobs.queue.retention_pause import RetentionPause
from jobs.queue.task_queue import TaskQueue
from jobs.store import RoundBounds
from processes.child_process import reap_orphans
from processes.descriptors import descriptor_limit, raise_descriptor_limit
from storage import sqlite
from storage.locks import server_lock, wait_for_old_workers, workers_lock_path
from storage.stores import Stores

VERSION = "0.1.0"
LAST_ANSWERS_SECONDS = 5.0
KEPT_FOR_OTHERS = 2000
"""Descriptors that are neither for connections nor for answers on the disk."""
BACKLOG = 1024
"""How many connections the kernel queues; with fewer, a client in a crowd tries again only after a second."""
LAST_WORDS_SECONDS = 0.2
LAST_READS_SECONDS = 1.0

log = logging.getLogger("hourglass")


def serve(argv: Sequence[str]) -> int:
    """Serves until a signal, and returns the exit code. Raises ConfigError, StartError, StorageUnavailable if the start
    is refused."""
    config = load_config(argv)
    raise_descriptor_limit()
    # Out of the environment before anything is started: workers, readers and jobs would inherit it.
    admin_password = os.environ.pop("HOURGLASS_ADMIN_PASSWORD", None)
    os.environ.pop("PYTHONMALLOC", None)
    with streams.serving(config.log.level, config.log.format), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_run(config, admin_password))
        except HourglassError:
            raise  # the sentence for the person who starts it
        except Exception:
            log.critical("a defect ends the server", exc_info=True)
            return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Returns uvloop's factory if uvloop is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _run(config: Config, admin_password: str | None) -> None:
    """Opens in order, serves until a signal, and stops: answers first, then the database."""
    # Until it serves: asyncio's own handler waits for a turn, which a start that waits for old workers does not give.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    async with AsyncExitStack() as stack:
        sockets = _bind(config)
        address = f"http://{_shown_host(config.server.host)}:{sockets[0].getsockname()[1]}/openattic/"

        @cache  # once
        def announce() -> None:
            log.info("version %s starts at %s with the data in %s", VERSION, address, config.storage.data_dir)

        jobs = load_jobs(config)
        stores = await open_stores(config, stack, before_wait=announce)
        accounts = await _open_accounts(config, stores, admin_password)
        announce()
        tasks = await open_tasks(config, stack, jobs, stores)
        services = await _open_services(config, stack, tasks, accounts)
        retention = Retention(stores.tasks, tasks.images, config.retention, tasks.retention_pause)
        for work in (retention.run(), renew(stores.tasks)):
            stack.callback(asyncio.create_task(work).cancel)
        http = _listen(services, sockets)
        stop = _stop_on_signals()
        _reap_orphans(stack)
        _collect_rarely()
        log.info("serves %s", address)
        streams.say(address, streams.STANDARD_OUTPUT, seconds=0)
        await stop.wait()
        log.info("stopping: rounds under way have %g s to end", config.server.grace_seconds)
        tasks.feed.announce_stop()
        await tasks.queue.stop(config.server.grace_seconds)
        await tasks.feed.stop()
        http.stop()
        http.gate.close_waiting()
        stores.end_reads(LAST_READS_SECONDS)
        await services.connections.all_answered(LAST_ANSWERS_SECONDS)
        await http.close_all_connections()
    log.info("stopped")


# Opening. What opens a part pushes its closing to the stack, which runs in reverse.


@dataclass(frozen=True)
class LoadedJobs:
    """The jobs that tasks can run, and the clusters that they can use, whose readers are not started yet."""

    registry: Registry
    clusters: ClusterWatches


def load_jobs(config: Config) -> LoadedJobs:
    """Loads and configures the jobs. Raises ConfigError."""
    clusters = ClusterWatches(
        {
            name: ReaderSettings(cluster=cluster, log_level=config.log.level, log_style=config.log.format)
            for name, cluster in config.clusters.items()
        }
    )
    registry = config.configure(load_registry(config.jobs.modules))
    return LoadedJobs(registry.with_resources(Clusters(config.clusters), KnownClusters(clusters)), clusters)


async def open_stores(config: Config, stack: AsyncExitStack, before_wait: Callable[[], None] = lambda: None) -> Stores:
    """Opens the data directory, for this server alone. Calls `before_wait` if it has to wait for workers of an earlier
    server. Raises StartError."""

    def warn(sentence: str) -> None:
        before_wait()
        log.warning(sentence)

    data_dir = config.storage.data_dir
    stack.enter_context(server_lock(data_dir))
    wait_for_old_workers(data_dir, warn)
    bounds = RoundBounds(config.retention.rounds_per_task, config.retention.rounds_mb_per_task * 2**20)
    stores = await sqlite.open_stores(data_dir, bounds, config.limits.read_seconds)
    stack.push_async_callback(stores.close)
    return stores


async def open_tasks(config: Config, stack: AsyncExitStack, jobs: LoadedJobs, stores: Stores) -> TaskServices:
    """Starts the workers, and resumes the tasks of an earlier server."""
    registry, clusters, store = jobs.registry, jobs.clusters, stores.tasks
    limits = ClientLimits.of(config.limits, descriptor_limit(), config.workers.count + len(config.clusters))
    pool = _worker_pool(config)
    # Frames may take half of what answers may, so that sockets that are not read never hold up all answers.
    most_unread_bytes = config.limits.answers_mb * MEGABYTE // 2
    feed = Feed(store, VERSION, text_frame, most_unread_bytes, on_unread=limits.answers.change)
    pause = RetentionPause(await store.newest_change(), await store.pause_left())  # before anything is changed
    images = ImageResults(store, stores.image_results)
    queue = TaskQueue(
        store,
        pool,
        registry,
        config.workers.max_worker_deaths,
        on_settled=feed.task_settled,
        on_ended=images.task_ended,
    )
    await feed.start(queue.derived)
    stack.push_async_callback(feed.stop)
    await pool.start()
    clusters.start()
    stack.push_async_callback(clusters.stop)
    stack.push_async_callback(queue.stop, config.server.grace_seconds)
    await queue.recover()
    images.start()
    stack.push_async_callback(images.stop)
    creations = PoolCreations(stores.pool_creations, queue, clusters)
    await creations.start()
    stack.push_async_callback(creations.stop)
    return TaskServices(
        health=stores.health,
        store=store,
        queue=queue,
        workers=pool,
        feed=feed,
        registry=registry,
        clusters=clusters,
        images=images,
        creations=creations,
        retention_pause=pause,
        limits=limits,
    )


def _worker_pool(config: Config) -> WorkerPool:
    """Returns the workers that config.ini asks for, not started yet."""
    settings = WorkerSettings(
        lock_path=str(workers_lock_path(config.storage.data_dir)),
        modules=config.jobs.modules,
        sections=config.job_sections,
        resources=[Clusters(config.clusters, data_dir=str(config.storage.data_dir))],
        sources=Sources.loaded(config.jobs.modules),
        log_level=config.log.level,
        log_style=config.log.format,
    )
    return WorkerPool(settings, count=config.workers.count, tasks_per_worker=config.workers.tasks_per_worker)


async def _open_accounts(config: Config, stores: Stores, admin_password: str | None) -> Accounts:
    """Reads who may sign in. On the first start creates an admin, and shows its password unless it was given."""
    accounts = Accounts(stores.accounts, config.storage.data_dir, wall_clock)
    await accounts.load()
    password = await accounts.ensure_admin(admin_password)
    if password is not None and streams.current:
        shown = f"Sign in as admin with the password {password} (shown this once)"
        streams.current.say(f"{shown}; the data is in {config.storage.data_dir}")
    return accounts


async def _open_services(config: Config, stack: AsyncExitStack, tasks: TaskServices, accounts: Accounts) -> Services:
    """Opens what answers requests, and the socket on which commands report changes of users."""
    expiry = SignInExpiry(accounts, wall_clock)
    stack.callback(expiry.close)
    await stack.enter_async_context(listen(config.storage.data_dir, accounts.reload))
    sign_in = SignIn(accounts, config.auth, count_refused=partial(tasks.limits.refused.add, "sign_ins"))
    stack.callback(sign_in.close)
    return Services(
        **vars(tasks),
        config=config,
        version=VERSION,
        accounts=accounts,
        sign_in=sign_in,
        expiry=expiry,
        connections=Connections(),
    )


# Serving.


def _bind(config: Config) -> list[socket]:
    """Takes the port before anything is opened. Raises StartError if it cannot be used."""
    host, port = config.server.host, config.server.port
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise StartError(
            f"[server] host, port: expected an address and a port that are free, got {host}:{port} ({error})"
        ) from error


def _shown_host(host: str) -> str:
    """Returns the host in an address that a person can open."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  nothing is bound here
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _listen(services: Services, sockets: list[socket]) -> Server:
    """Begins to answer requests."""
    spare = descriptor_limit() - services.limits.connections - KEPT_FOR_OTHERS
    gate = Gate(services.limits, overflow=Overflow(services.config.storage.data_dir, spare))
    http = Server.with_limits(make_application(services, _proxies(services.config)), gate)
    http.add_sockets(sockets)
    return http


def _proxies(config: Config) -> Proxies:
    """Returns the proxies whose headers are trusted, and logs them."""
    if not config.server.behind_proxy:
        return Proxies()
    trusted = config.server.trusted_proxies
    names = ", ".join(map(str, trusted)) or "nobody, because [server] trusted_proxies is empty"
    log.info("X-Forwarded-For and X-Forwarded-Proto are accepted from %s", names)
    return Proxies(trusted)


# The process.


def _stop_on_signals() -> asyncio.Event:
    """Returns an event that SIGTERM or SIGINT sets; a second signal ends the process at once."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            log.warning("ending at once, after a second signal")
            if streams.current:
                streams.current.flush(LAST_WORDS_SECONDS)
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


def _reap_orphans(stack: AsyncExitStack) -> None:
    """Waits for processes that jobs left behind: as the first process of a container the server inherits them."""
    loop = asyncio.get_running_loop()
    # Not by add_signal_handler, which uvloop refuses; and in the loop, where no start of a process is under way.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: loop.call_soon_threadsafe(reap_orphans) and None)
    stack.callback(signal.signal, signal.SIGCHLD, signal.SIG_DFL)


def _collect_rarely() -> None:
    """Makes garbage collections rare: what exists now stays, and what comes with a request goes with it. More frequent
    ones cost 5 % of the CPU."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
