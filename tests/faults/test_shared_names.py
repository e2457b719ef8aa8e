"""What a process shares by name in /dev/shm is freed when it ends, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from processes.shared_names import FOLDER, path_of
from tests.faults.support import a_pool, another_server, lines_of, order
from tests.faults.test_surroundings import MODULES
from tests.support.made import NEVER


def are_there(names: list[str]) -> list[bool]:
    return [os.path.exists(FOLDER + name) for name in names]


async def until_freed(names: list[str]) -> None:
    while any(are_there(names)):  # noqa: ASYNC110  the kernel sets no event of ours
        await asyncio.sleep(0.005)


async def test_a_killed_workers_memory_and_semaphores_are_freed_with_it_and_not_with_the_server(tmp_path: Path) -> None:
    names_path = tmp_path / "names"
    async with a_pool(tmp_path, count=2, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "shares_memory", names_path=str(names_path), until=NEVER))
        await told.until(lambda: told.numbers_of(1))
        names = await lines_of(names_path, 2)
        assert are_there(names) == [True, True]
        pool.kill_task(1)
        await told.death_of(1)
        await until_freed(names)


async def test_what_a_task_has_left_is_freed_with_the_worker_that_is_replaced_for_it(tmp_path: Path) -> None:
    names_path = tmp_path / "names"
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "shares_memory", names_path=str(names_path)))
        assert "/psm_" in (await told.end_of(1)).left
        await until_freed(await lines_of(names_path, 2))


async def test_memory_that_a_task_gives_back_costs_no_worker(tmp_path: Path) -> None:
    async with a_pool(tmp_path, modules=MODULES) as (pool, told):
        pool.start_task(order(1, "shares_and_gives_back"))
        assert (await told.end_of(1)).left == ""


async def test_they_are_freed_as_well_when_the_server_is_killed(tmp_path: Path) -> None:
    names_path = tmp_path / "names"
    async with another_server(
        tmp_path, "shares_memory", modules=MODULES, names_path=str(names_path), until=NEVER
    ) as server:
        names = await lines_of(names_path, 2)
        server.send_signal(signal.SIGKILL)
        await until_freed(names)


def test_only_names_of_memory_and_semaphores_are_freed() -> None:
    assert path_of(("/psm_1", "shared_memory")) == "/dev/shm/psm_1"
    assert path_of(("/mp-1", "semaphore")) == "/dev/shm/sem.mp-1"
    for name in [("0", "noop"), ("/a/../b", "semaphore"), ("..", "shared_memory"), ("/", "shared_memory"), ("", "")]:
        assert path_of(name) is None
