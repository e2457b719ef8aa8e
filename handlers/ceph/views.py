"""Clusters, pools and images as the contract shows them: section 8."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, convert

from ceph.images.result_store import ImageResult
from ceph.reader.watch import ClusterWatch
from ceph.state import ClusterState, Image, Pool, Unreadable
from jobs.clock import iso_time
from jobs.live.views import Amount, Count, Id, Time

NOT_YET = "it has not answered yet, and its time limits have not expired"
Address = Annotated[str | None, Meta(description="the address of that page; null if there is none")]
AsOf = Annotated[Time, Meta(description="when this was read from the cluster")]


class ClusterView(Struct, frozen=True, kw_only=True):
    """A configured cluster, as it was last read."""

    fsid: Annotated[str | None, Meta(description="null as long as it is unknown which cluster it is")]
    name: Annotated[str, Meta(description="its name in config.ini")]
    reachable: Annotated[bool, Meta(description="whether its monitors answer")]
    health: Annotated[str | None, Meta(description="HEALTH_OK, HEALTH_WARN or HEALTH_ERR; null if it was never read")]
    health_text: Annotated[str | None, Meta(description="the messages of its health checks, empty if all pass")]
    error: Annotated[str | None, Meta(description="why it, or its manager, does not answer, and what to check")]
    as_of: AsOf | None


class ClusterListView(Struct, frozen=True):
    """The configured clusters."""

    results: list[ClusterView]


class PoolView(Struct, frozen=True, kw_only=True):
    """A pool. The targets are the numbers that were set; the manager reaches them step by step."""

    id: Id
    name: str
    size: Annotated[Id, Meta(description="copies of each object")]
    application: Annotated[str | None, Meta(description="the first of its applications")]
    applications: list[str]
    internal: Annotated[bool, Meta(description="whether it belongs to the cluster itself, like .mgr")]
    pg_num: Id
    pg_num_target: Id
    pgp_num: Annotated[Id, Meta(description="the number of PGs by which data is placed")]
    pgp_num_target: Id
    autoscale: Annotated[str, Meta(description="on, warn or off")]
    used_bytes: Annotated[Count, Meta(description="on all OSDs, copies included")]
    task: Annotated[Id | None, Meta(description="the pending task that works on it, or will be the first to do so")]


class PoolListView(Struct, frozen=True, kw_only=True):
    """A page of pools."""

    count: Annotated[Count, Meta(description="the number of pools on all pages")]
    next: Address
    previous: Address
    as_of: AsOf
    results: list[PoolView]


class FigureView(Struct, frozen=True):
    """A figure over all samples."""

    mean: Amount
    p50: Amount
    p95: Amount
    max: Amount


class PerformanceView(Struct, frozen=True, kw_only=True):
    """What the newest task measured of an image: operations and bytes per second, latencies per operation; null if
    the cluster did not report it."""

    task: Annotated[Id, Meta(description="the task that measured it; it may have been deleted since")]
    measured: Annotated[bool, Meta(description="whether any sample contains it")]
    write_ops: FigureView | None = None
    read_ops: FigureView | None = None
    write_bytes: FigureView | None = None
    read_bytes: FigureView | None = None
    write_latency_seconds: FigureView | None = None
    read_latency_seconds: FigureView | None = None
    series: Annotated[list[Amount | None], Meta(description="reads and writes per second, at most 60 points")]


class TroubleView(Struct, frozen=True):
    """Why an image cannot be read."""

    errno: Annotated[Count, Meta(description="the number of the error, as in errno.h")]
    text: Annotated[str, Meta(description="which of its objects the cluster refused, and the cluster's own message")]


class ImageView(Struct, frozen=True, kw_only=True):
    """An RBD image. Its used size and its performance are those of the newest performance data. All figures are null if
    the image cannot be read."""

    pool: str
    namespace: Annotated[str, Meta(description="within the pool; empty by default")]
    name: str
    size_bytes: Annotated[Count | None, Meta(description="its provisioned size")]
    used_bytes: Count | None
    used_as_of: Time | None
    performance: PerformanceView | None
    performance_as_of: Time | None
    error: Annotated[TroubleView | None, Meta(description="why it cannot be read; null if it can")]


class UnreadableView(Struct, frozen=True):
    """A pool whose images cannot all be listed."""

    pool: str
    state: Literal["inactive", "not permitted", "failed"]
    text: Annotated[str, Meta(description="why, in the cluster's own words")]


class ImageListView(Struct, frozen=True, kw_only=True):
    """A page of images."""

    count: Annotated[Count, Meta(description="the number of images on all pages")]
    next: Address
    previous: Address
    as_of: AsOf
    unreadable: Annotated[list[UnreadableView], Meta(description="pools some of whose images are missing here")]
    results: list[ImageView]


def cluster_view(watch: ClusterWatch) -> ClusterView:
    last, error = watch.state.last, watch.state.error
    state = last.value if last else None
    return ClusterView(
        fsid=watch.fsid,
        name=watch.name,
        reachable=last is not None and error is None,
        health=state.health if state else None,
        health_text=state.health_text if state else None,
        error=str(error) if error else _error_of_manager(state),
        as_of=iso_time(last.as_of) if last else None,
    )


def _error_of_manager(state: ClusterState | None) -> str | None:
    return state.manager_error or state.module_error if state else NOT_YET


def pool_view(pool: Pool, task: int | None) -> PoolView:
    return PoolView(
        id=pool.id,
        name=pool.name,
        size=pool.size,
        application=pool.application,
        applications=pool.applications,
        internal=pool.internal,
        pg_num=pool.pg_num,
        pg_num_target=pool.pg_num_target,
        pgp_num=pool.pgp_num,
        pgp_num_target=pool.pgp_num_target,
        autoscale=pool.autoscale,
        used_bytes=pool.used_bytes,
        task=task,
    )


def image_view(image: Image, result: ImageResult | None) -> ImageView:
    as_of = iso_time(result.at) if result else None
    return ImageView(
        pool=image.pool,
        namespace=image.namespace,
        name=image.name,
        size_bytes=image.size_bytes,
        used_bytes=result.used_bytes if result else None,
        used_as_of=as_of,
        performance=_performance_view(result) if result else None,
        performance_as_of=as_of,
        error=TroubleView(image.error.errno, image.error.text) if image.error else None,
    )


def unreadable_view(unreadable: Unreadable) -> UnreadableView:
    return convert(unreadable, UnreadableView, from_attributes=True)


def _performance_view(result: ImageResult) -> PerformanceView:
    return convert({"task": result.task, **result.figures, "series": result.sparkline}, PerformanceView)
