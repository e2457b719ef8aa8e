"""Stores what tasks that measure RBD images found, so that the newest result of each image is at hand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any, TypeVar

from msgspec.structs import replace

from ceph.images.result_store import ImageResult, ImageResultStore, Place, Unread
from ceph.job_names import MEASURE_IMAGES
from ceph.state import parts_of_path
from concurrency.backoff import Backoff
from jobs.errors import NoSuchTask, StorageUnavailable
from jobs.model.task import Status, Task
from jobs.store import ListQuery, SearchableStore

log = logging.getLogger("hourglass.images")

SPARKLINE_POINTS = 60
NO_FIGURES_OF = ("size_bytes", "used_bytes")
FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 30.0
PATIENCE_SECONDS = 1.0
TASKS_A_PAGE = 100

Done = TypeVar("Done")


class ImageResults:
    """Stores what tasks of `rbd_performance` found once they have ended, one after another.

    What could not be stored, because the server died or the disk was full, is stored later: at the start it looks for
    tasks that have finished since.
    """

    def __init__(self, store: SearchableStore, results: ImageResultStore) -> None:
        self._store = store
        self._results = results
        self._ended: asyncio.Queue[int] = asyncio.Queue()
        self._storing: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._storing = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stops; what is not stored by now is stored after the next start."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.wait([self._storing])

    def task_ended(self, task: Task) -> None:
        """Has the task's results stored in the background."""
        if task.job == MEASURE_IMAGES and task.status is Status.FINISHED:
            self._ended.put_nowait(task.id)

    async def newest(self, fsid: str) -> dict[Place, ImageResult]:
        """Returns the newest result of each image by its place, including those of tasks that have just ended.

        Raises StorageUnavailable.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._ended.join()
        return await self._results.newest(fsid)

    async def forget(self, before: int, limit: int) -> int:
        """Removes the first `limit` results of tasks that ended before a time (milliseconds); returns how many."""
        return await self._results.forget(before, limit)

    async def _run(self) -> None:
        # Strictly in order: so no task whose results are missing ended before the last one whose results are stored.
        for task_id in await self._retrying(self._earlier) or ():
            await self._retrying(partial(self._store_results, task_id))
        while True:
            task_id = await self._ended.get()
            await self._retrying(partial(self._store_results, task_id))
            self._ended.task_done()

    async def _retrying(self, work: Callable[[], Awaitable[Done]]) -> Done | None:
        """Returns what `work` does, as soon as it can be read and written; None if `work` has a defect."""
        backoff = Backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        while True:
            try:
                return await work()
            except StorageUnavailable as error:
                log.warning("results of images will be stored later: %s", error)
            except Exception:  # one result that cannot be read must not stop all that follow
                log.critical("a defect in storing results of images", exc_info=True)
                return None
            await asyncio.sleep(backoff.next_seconds())

    async def _earlier(self) -> list[int]:
        """Returns the tasks that finished since the last one whose results are stored, in order of their end."""
        since = await self._results.last_at() or 0
        found: list[Task] = []
        query = ListQuery(
            statuses=(Status.FINISHED,), job=MEASURE_IMAGES, ordering="-last_modified", page_size=TASKS_A_PAGE
        )
        while True:
            page = await self._store.list_tasks(query)
            found += [task for task in page.tasks if (task.ended or 0) >= since]
            if page.next_after is None or page.tasks[-1].last_modified < since:
                return [task.id for task in sorted(found, key=lambda task: (task.ended or 0, task.id))]
            query = replace(query, after=page.next_after)

    async def _store_results(self, task_id: int) -> None:
        with suppress(NoSuchTask):  # deleted since
            task = await self._store.task(task_id)
            results, unread = await asyncio.to_thread(results_of, task)
            fsid, whole_pools = _scope_of(json.loads(task.params))
            await self._results.store(fsid, results, whole_pools, unread)


def _scope_of(params: Mapping[str, Any]) -> tuple[str, Sequence[str] | None]:
    """Returns the cluster, and the pools of which the task looked for all images; None means all pools."""
    everything = not params["pools"] and not params["images"]
    return params["fsid"], None if everything else params["pools"]


def results_of(task: Task) -> tuple[list[ImageResult], Unread]:
    """Returns what a finished task of `rbd_performance` found for each image, and what it could not read."""
    result = json.loads(task.result or "{}")
    images: Mapping[str, Mapping[str, Any]] = result["images"]
    read = [_result_of(task, path, image, result["series"]) for path, image in images.items() if "error" not in image]
    failed = [parts_of_path(path) for path, image in images.items() if "error" in image]
    return read, Unread(pools=[one["pool"] for one in result.get("unreadable", ())], images=failed)


def _result_of(task: Task, path: str, image: Mapping[str, Any], series: Mapping[str, Any]) -> ImageResult:
    pool, namespace, name = parts_of_path(path)
    return ImageResult(
        pool=pool,
        namespace=namespace,
        image=name,
        task=task.id,
        at=task.ended or task.last_modified,
        size_bytes=image["size_bytes"],
        used_bytes=image["used_bytes"],
        figures={name: value for name, value in image.items() if name not in NO_FIGURES_OF},
        sparkline=_sparkline_of(image, series["images"].get(path), len(series["at"])),
    )


def _sparkline_of(
    image: Mapping[str, Any], series: Mapping[str, Sequence[float | None]] | None, samples: int
) -> list[float | None]:
    if series is None:
        return [0.0 if image["measured"] else None] * min(samples, SPARKLINE_POINTS)
    together = [
        None if reads is None or writes is None else reads + writes
        for reads, writes in zip(series["read_ops"], series["write_ops"], strict=True)
    ]
    return sparkline(together)


def sparkline(values: Sequence[float | None]) -> list[float | None]:
    """Returns at most 60 points: means of neighbours, None if none of them is known."""
    count = min(len(values), SPARKLINE_POINTS)
    edges = [place * len(values) // count for place in range(count + 1)] if count else [0]
    return [_mean(values[first:last]) for first, last in pairwise(edges)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 1) if known else None
