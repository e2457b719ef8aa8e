"""The RBD images of a cluster and how they perform, by REST: contract, section 8."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

from ceph.images.result_store import ImageResult, Place
from ceph.job_names import MEASURE_IMAGES
from ceph.reader.cached import Reading
from ceph.state import Image, Images
from handlers.ceph.cluster import STALE, TASK_LOCATION, ClusterHandler
from handlers.ceph.views import ImageListView, image_view, unreadable_view
from handlers.creating import APPLIED, CREATING_HEADERS
from handlers.http.operation import Operation
from handlers.http.paging import PagingHandler, matching, page_of, page_query, sorted_rows
from handlers.http.query import QueryParameter
from jobs.clock import iso_time
from jobs.definition.params import Parameter, validate
from jobs.definition.registry import Registry
from jobs.definition.schemas import json_schema
from jobs.definition.submission import Submission
from jobs.live.views import TaskView

_FIGURES = ("write_ops", "read_ops", "write_bytes", "read_bytes", "write_latency_seconds", "read_latency_seconds")


class Row(NamedTuple):
    """An image, and what the newest task measured of it; nothing if it cannot be read."""

    image: Image
    result: ImageResult | None


def _mean(figure: str) -> Callable[[Row], float | None]:
    def of_row(row: Row) -> float | None:
        measured = row.result.figures.get(figure) if row.result else None
        return measured["mean"] if measured else None

    return of_row


_KEYS: Mapping[str, Callable[[Row], Any]] = {
    **{name: attrgetter(f"image.{name}") for name in ("pool", "namespace", "name", "size_bytes")},
    "used_bytes": lambda row: row.result and row.result.used_bytes,
    "performance_as_of": lambda row: row.result and row.result.at,
    **{figure: _mean(figure) for figure in _FIGURES},
}
"""What images can be ordered by; a figure by its mean."""


class ImagesHandler(PagingHandler, ClusterHandler):
    """The RBD images of a cluster."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: ImageListView},
            query={
                "pool": QueryParameter(str, "only images of this pool"),
                **page_query([*_KEYS], "pool", "images"),
                "stale": STALE,
            },
        ),
    }

    async def get(self, fsid: str) -> None:
        """Lists the images of all pools that can be read, and names those that cannot."""
        watch = await self.watch(fsid)
        reading = await self.reading(watch.images)
        await self.answer(partial(self._page, fsid, reading))

    async def _page(self, fsid: str, reading: Reading[Images]) -> ImageListView:
        request, pool = self.page_request("pool"), self.value("pool")
        newest = await self.services.images.newest(fsid)
        images = [image for image in reading.value.images if pool in (None, image.pool)]
        rows = [Row(image, None if image.error else newest.get(_place(image))) for image in images]
        rows = matching(rows, request.search, lambda row: _full_name(row.image))
        rows = sorted_rows(rows, request.ordering, _KEYS, tie=lambda row: _place(row.image))
        return ImageListView(
            **self.page_frame(request, len(rows)),
            as_of=iso_time(reading.as_of),
            unreadable=[unreadable_view(one) for one in reading.value.unreadable if pool in (None, one.pool)],
            results=[image_view(*row) for row in page_of(rows, request)],
        )


def _full_name(image: Image) -> str:
    return "/".join(filter(None, _place(image)))


def _place(image: Image) -> Place:
    return image.pool, image.namespace, image.name


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
        given = validate(_performance_parameters(self.services.registry), self.json(), "RBD performance data")
        submission = Submission(job=MEASURE_IMAGES, params={**given, "fsid": fsid})
        await self.create(lambda key: self.services.queue.submit(submission, self.actor, key, self.check_actor))


def _performance_parameters(registry: Registry) -> list[Parameter]:
    """Returns the parameters of the job without the cluster, which the address names."""
    job = registry.find(MEASURE_IMAGES)
    return [parameter for parameter in job.parameters if parameter.name != "fsid"] if job else []
