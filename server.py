"""Hourglass: background tasks you can watch. `server.py` serves, `server.py user …` knows who may sign in.

Nothing is imported up here that a worker does not need: spawned, it imports this file again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Event
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AsyncExitStack
    from socket import socket

    from accounts.accounts import Accounts
    from ceph.reader.watch import ClusterWatches
    from config import Config
    from handlers.http.proxies import Proxies
    from handlers.http.server import Server
    from handlers.services import Services, Tasks
    from jobs.engines.local.pool import WorkerPool
    from storage.stores import Stores

VERSION = "0.1.0"
LAST_ANSWERS_SECONDS = 5.0
KEPT_FOR_OTHERS = 2000
"""Descriptors that are neither for connections nor for answers on the disk."""
INTERRUPTED = 130
BACKLOG = 1024
"""How many connections the kernel keeps for us; with fewer, one that came in a crowd is tried again after a second."""
LAST_WORDS_SECONDS = 0.2
LAST_READS_SECONDS = 1.0


def main(argv: Sequence[str]) -> int:
    """The exit code: 0 after a stop in good order, 1 after a defect, 2 if the start was refused in one sentence."""
    import logs
    import streams
    from jobs.errors import ConfigError, StartError, StorageUnavailable

    streams.open_standard_streams()
    try:
        if argv[:1] == ["user"]:
            from commands.user import main as user_main
            from storage.sqlite.accounts import accounts_beside_server

            return user_main(argv[1:], accounts_beside_server)
        return _serve(argv)
    except (ConfigError, StartError, StorageUnavailable) as error:
        streams.say(logs.on_one_line(str(error)))
        return 2
    except KeyboardInterrupt:  # before it serves; later it is a signal to stop
        return INTERRUPTED


def _serve(argv: Sequence[str]) -> int:
    import asyncio
    import logging
    import os

    import streams
    from config import load_config
    from jobs.errors import HourglassError
    from processes.descriptors import raise_descriptor_limit

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
            logging.getLogger("hourglass").critical("a defect ends the server", exc_info=True)
            return 1
    return 0


def _loop_factory() -> Callable[[], AbstractEventLoop]:
    """uvloop where it is to be had."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def open_tasks(
    config: Config,
    stack: AsyncExitStack,
    *,
    before_wait: Callable[[], None] = lambda: None,
    on_stores: Callable[[Stores], Awaitable[None]] | None = None,
) -> Tasks:
    """Opens what tasks need, in order; the stack closes it in reverse. Raises ConfigError, StartError.

    Calls `before_wait` before it waits for workers of an earlier server, and `on_stores` before anything runs.
    """
    import logging

    from ceph.clusters import Clusters
    from ceph.images.results import ImageResults
    from ceph.known_clusters import KnownClusters
    from ceph.pool_changes.creations import PoolCreations
    from handlers.http.limits import MEGABYTE
    from handlers.live import text_frame
    from handlers.services import Tasks
    from jobs.definition.registry import load_registry
    from jobs.live.feed import Feed
    from jobs.queue.rest import Rest
    from jobs.queue.task_queue import TaskQueue
    from jobs.store import RoundBounds
    from storage import sqlite
    from storage.locks import server_lock, wait_for_old_workers

    clusters = _cluster_watches(config)
    provided = Clusters(config.clusters), KnownClusters(clusters)
    registry = config.configure(load_registry(config.modules)).providing(*provided)
    data_dir = config.storage.data_dir
    stack.enter_context(server_lock(data_dir))

    def tell(sentence: str) -> None:
        before_wait()
        logging.getLogger("hourglass").warning(sentence)

    wait_for_old_workers(data_dir, tell)
    bounds = RoundBounds(config.retention.rounds_per_task, config.retention.rounds_mb_per_task * 2**20)
    stores = await sqlite.open_stores(data_dir, bounds, config.limits.read_seconds)
    stack.push_async_callback(stores.close)
    if on_stores:
        await on_stores(stores)
    store = stores.tasks
    pool = _worker_pool(config)
    # Frames may take half of what answers may, so that sockets that are not read never hold up all answers.
    feed = Feed(store, VERSION, text_frame, config.limits.answers_mb * MEGABYTE // 2)
    rest = Rest(await store.newest_change(), await store.rest_left())  # before anything is changed
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
    return Tasks(
        stores=stores,
        store=store,
        queue=queue,
        workers=pool,
        feed=feed,
        registry=registry,
        clusters=clusters,
        images=images,
        creations=creations,
        rest=rest,
    )


def _cluster_watches(config: Config) -> ClusterWatches:
    """What reads the clusters that config.ini names, not started yet."""
    from ceph.reader.reader import ReaderSettings
    from ceph.reader.watch import ClusterWatches

    return ClusterWatches(
        {
            name: ReaderSettings(cluster=cluster, log_level=config.log.level, log_style=config.log.format)
            for name, cluster in config.clusters.items()
        }
    )


def _worker_pool(config: Config) -> WorkerPool:
    """The workers that config.ini asks for, not started yet."""
    from ceph.clusters import Clusters
    from jobs.engines.local.pool import WorkerPool
    from jobs.engines.local.sources import Sources
    from jobs.engines.local.worker import WorkerSettings
    from storage.locks import workers_lock_path

    settings = WorkerSettings(
        lock_path=str(workers_lock_path(config.storage.data_dir)),
        modules=config.modules,
        sections=config.job_sections,
        provided=[Clusters(config.clusters, data_dir=str(config.storage.data_dir))],
        sources=Sources.loaded(config.modules),
        log_level=config.log.level,
        log_style=config.log.format,
    )
    return WorkerPool(settings, count=config.workers.count, tasks_per_worker=config.workers.tasks_per_worker)


async def _run(config: Config, admin_password: str | None) -> None:
    """Opens in order, serves until a signal, and stops: answers first, then the database."""
    import asyncio
    import logging
    import signal
    from contextlib import AsyncExitStack
    from functools import cache

    import streams
    from jobs.queue.renewal import renew
    from jobs.queue.retention import Keeping, Retention

    log = logging.getLogger("hourglass")
    # Until it serves: asyncio's own handler waits for a turn, which a start that waits for old workers does not give.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    async with AsyncExitStack() as stack:
        sockets = _bind(config)
        address = f"http://{_shown_host(config.server.host)}:{sockets[0].getsockname()[1]}/openattic/"
        accounts: list[Accounts] = []

        @cache  # once
        def announce() -> None:
            log.info("version %s starts at %s with the data in %s", VERSION, address, config.storage.data_dir)

        async def on_stores(stores: Stores) -> None:
            accounts.append(await _open_accounts(config, stores, admin_password))
            announce()

        tasks = await open_tasks(config, stack, before_wait=announce, on_stores=on_stores)
        services = await _open_services(config, tasks, accounts[0], stack)
        kept = config.retention
        retention = Retention(
            tasks.store, tasks.images, Keeping(kept.finished_days, kept.failed_days, kept.changes_days), tasks.rest
        )
        forgetting = asyncio.create_task(retention.go_on())
        stack.callback(forgetting.cancel)
        renewing = asyncio.create_task(renew(tasks.store))
        stack.callback(renewing.cancel)
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
        tasks.stores.end_reads(LAST_READS_SECONDS)
        await services.connections.all_answered(LAST_ANSWERS_SECONDS)
        await http.close_all_connections()
    log.info("stopped")


def _collect_rarely() -> None:
    """What is here stays, and what comes with a request goes with it: to look more often costs 5 % of the CPU."""
    import gc

    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _bind(config: Config) -> list[socket]:
    """Takes the port before anything is opened. Raises StartError where it cannot be had."""
    from tornado.netutil import bind_sockets

    from jobs.errors import StartError

    host, port = config.server.host, config.server.port
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise StartError(
            f"[server] host, port: expected an address and a port that are free, got {host}:{port} ({error})"
        ) from error


async def _open_accounts(config: Config, stores: Stores, admin_password: str | None) -> Accounts:
    """Reads who may sign in. On the first start there is an admin, whose password is shown unless it was given."""
    import streams
    from accounts.accounts import Accounts
    from jobs.clock import wall_clock

    accounts = Accounts(stores.accounts, config.storage.data_dir, wall_clock)
    await accounts.load()
    password = await accounts.ensure_admin(admin_password)
    if password is not None and streams.current:
        shown = f"Sign in as admin with the password {password} (shown this once)"
        streams.current.say(f"{shown}; the data is in {config.storage.data_dir}")
    return accounts


async def _open_services(config: Config, tasks: Tasks, accounts: Accounts, stack: AsyncExitStack) -> Services:
    """Opens what answers requests, and the socket on which commands report changes of users."""
    from functools import partial

    from accounts.expiry import SignInExpiry
    from accounts.reload_socket import listen
    from accounts.signin import SignIn
    from handlers.http.connections import Connections
    from handlers.http.limits import ClientLimits
    from handlers.services import Services
    from jobs.clock import wall_clock
    from processes.descriptors import descriptor_limit

    expiry = SignInExpiry(accounts, wall_clock)
    stack.callback(expiry.close)
    await stack.enter_async_context(listen(config.storage.data_dir, accounts.reload))
    processes = config.workers.count + len(config.clusters)
    limits = ClientLimits.of(config.limits, descriptor_limit(), processes)
    sign_in = SignIn(accounts, config.auth, count_refused=partial(limits.refused.add, "sign_ins"))
    stack.callback(sign_in.close)
    tasks.feed.unread.on_change = limits.answers.change
    return Services(config, VERSION, tasks, accounts, sign_in, expiry, Connections(), limits)


def _listen(services: Services, sockets: list[socket]) -> Server:
    from handlers.http.gate import Gate
    from handlers.http.overflow import Overflow
    from handlers.http.server import Server
    from handlers.routes import make_application
    from processes.descriptors import descriptor_limit

    spare = descriptor_limit() - services.limits.connections - KEPT_FOR_OTHERS
    gate = Gate(services.limits, overflow=Overflow(services.config.storage.data_dir, spare))
    http = Server.with_limits(make_application(services, _proxies(services.config)), gate)
    http.add_sockets(sockets)
    return http


def _proxies(config: Config) -> Proxies:
    """Those that are believed, which the log says."""
    import logging

    from handlers.http.proxies import Proxies

    if not config.server.behind_proxy:
        return Proxies()
    trusted = config.server.trusted_proxies
    names = ", ".join(map(str, trusted)) or "nobody, since [server] trusted_proxies is empty"
    logging.getLogger("hourglass").info("X-Forwarded-For and X-Forwarded-Proto are believed from %s", names)
    return Proxies(trusted)


def _stop_on_signals() -> Event:
    """Set by SIGTERM or SIGINT; a second one ends at once."""
    import asyncio
    import logging
    import os
    import signal

    import streams

    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            logging.getLogger("hourglass").warning("ends at once, by a second signal")
            if streams.current:
                streams.current.flush(LAST_WORDS_SECONDS)
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


def _reap_orphans(stack: AsyncExitStack) -> None:
    """Waits for what jobs have left behind, in a container whose first process is the server."""
    import asyncio
    import signal

    from processes.child_process import reap_orphans

    loop = asyncio.get_running_loop()
    # Not by add_signal_handler, which uvloop refuses; and in the loop, where no start of a process is under way.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: loop.call_soon_threadsafe(reap_orphans) and None)
    stack.callback(signal.signal, signal.SIGCHLD, signal.SIG_DFL)


def _shown_host(host: str) -> str:
    """What a person can open."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  nothing is bound here
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _use_system_allocator() -> None:
    """Starts the program anew, in the same process, with the memory of the C library in place of Python's own.

    Python gives memory back in pieces of 1 MiB in which nothing at all is left: after 1,500 calls that had waited, 30
    MB stayed, and 11 with the C library. Workers go on with Python's own.
    """
    import os
    from contextlib import suppress

    if "PYTHONMALLOC" not in os.environ:
        with suppress(OSError):
            environment = {**os.environ, "PYTHONMALLOC": "malloc"}
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606  it is this program


if __name__ == "__main__":
    if sys.argv[1:2] == ["user"]:
        sys.exit(main(sys.argv[1:]))
    _use_system_allocator()
    exit_code = main(sys.argv[1:])
    from processes.child import leave

    leave(exit_code)
