"""The RBD images of a cluster and how they perform, by REST: contract, section 8."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar

from ceph.state import Image
from ceph.watch import Reading
from handlers.ceph import STALE, TASK_LOCATION, ClusterHandler
from handlers.ceph_views import ImageListView, ImageView, image_view
from handlers.operations import Operation
from handlers.pages import cut, found, ordered, page_query
from handlers.query import text
from handlers.taskqueue import APPLIED, CREATING_HEADERS
from jobs.model import iso_time
from jobs.params import Parameter, json_schema, validate
from jobs.queue import Submission
from jobs.registry import Registry
from jobs.views import TaskView

_FIGURES = ("write_ops", "read_ops", "write_bytes", "read_bytes", "write_latency_seconds", "read_latency_seconds")


def _mean(figure: str) -> Callable[[ImageView], float | None]:
    def of_image(image: ImageView) -> float | None:
        measured = getattr(image.performance, figure, None)
        return measured.mean if measured else None

    return of_image


_KEYS: Mapping[str, Callable[[ImageView], Any]] = {
    **{name: attrgetter(name) for name in ("pool", "name", "size_bytes", "used_bytes", "performance_as_of")},
    **{figure: _mean(figure) for figure in _FIGURES},
}
"""What images can be ordered by; a figure by its mean."""


class ImagesHandler(ClusterHandler):
    """The RBD images of a cluster."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: ImageListView},
            query={
                "pool": text.about("images of this pool"),
                **page_query([*_KEYS], "pool", "images"),
                "stale": STALE,
            },
        ),
    }

    async def get(self, fsid: str) -> None:
        """Lists the images of all pools."""
        watch = await self.watch(fsid)
        reading = await self.reading(watch.images)
        await self.answer(partial(self._page, fsid, reading))

    async def _page(self, fsid: str, reading: Reading[list[Image]]) -> ImageListView:
        wanted = self.wanted("pool")
        kept = await self.services.tasks.images.kept(fsid)
        rows = [image_view(image, kept.get(image.path)) for image in self._of_pool(reading.value)]
        rows = found(rows, wanted.search, lambda image: f"{image.pool}/{image.name}")
        rows = ordered(rows, wanted.ordering, _KEYS, tie=lambda image: (image.pool, image.name))
        return ImageListView(
            **self.pages(wanted, len(rows)), as_of=str(iso_time(reading.as_of)), results=[*cut(rows, wanted)]
        )

    def _of_pool(self, images: list[Image]) -> list[Image]:
        pool = self.value("pool")
        return [image for image in images if pool in (None, image.pool)]


class PerformanceHandler(ClusterHandler):
    """RBD performance data."""

    task_headers: ClassVar[Sequence[str]] = ("Location", "Taskqueue-Location")
    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: TaskView, 201: TaskView},
            headers=CREATING_HEADERS,
            body=lambda registry: json_schema(_performance_parameters(registry)),
            example={"pools": ["rbd"], "seconds": 60},
            answer_headers={"Location": "the address of the task", **TASK_LOCATION, **APPLIED},
            problems=(403, 409),
        ),
    }

    async def post(self, fsid: str) -> None:
        """Gets RBD performance data, as a task."""
        watch = await self.watch(fsid)
        await watch.state.get()
        given = validate(_performance_parameters(self.services.tasks.registry), self.json(), "RBD performance data")
        submission = Submission(job="rbd_performance", params={**given, "fsid": fsid})
        await self.create(lambda key: self.services.tasks.queue.submit(submission, self.actor, key, self.check_actor))


def _performance_parameters(registry: Registry) -> list[Parameter]:
    """Those of the job; which cluster it is, the address says."""
    job = registry.find("rbd_performance")
    return [parameter for parameter in job.parameters if parameter.name != "fsid"] if job else []
