"""What goes on in a cluster without a task, and tasks that follow it, by REST: contract, section 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from ceph.changes import MOST_CHANGES, Change, changes
from handlers.ceph import STALE, ClusterHandler
from handlers.operations import Operation
from jobs.model import iso_time
from jobs.views import Id, Percent, Time


class ChangeView(Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """Something that goes on in a cluster: a pool whose number of PGs moves toward its target, or an event of which the
    cluster itself reports the progress."""

    pool: Annotated[str | None, Meta(description="null for an event that concerns no pool")]
    id: Annotated[Id | None, Meta(description="of the pool")]
    before: Annotated[Id | None, Meta(description="PGs when the change was first seen; null for an event")]
    after: Annotated[Id | None, Meta(description="the target; null for an event")]
    percent: Annotated[Percent | None, Meta(description="never falls; null if the cluster does not say it")]
    text: Annotated[str, Meta(description="what has come of it, in plain words")]
    since: Annotated[Time, Meta(description="when it began, or, if the cluster does not say, was first seen")]


class ChangeListView(Struct, frozen=True):
    """What goes on in a cluster without a task."""

    results: Annotated[list[ChangeView], Meta(max_length=MOST_CHANGES)]


def change_view(change: Change) -> ChangeView:
    return ChangeView(
        pool=change.pool,
        id=change.pool_id,
        before=change.before,
        after=change.after,
        percent=change.percent,
        text=change.text,
        since=str(iso_time(change.since)),
    )


class ClusterChangesHandler(ClusterHandler):
    """What goes on in a cluster without a task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: ChangeListView}, query={"stale": STALE}),
    }

    async def get(self, fsid: str) -> None:
        """Lists the pools that others change, or the autoscaler, and what the cluster itself reports."""
        watch = await self.watch(fsid)
        state = (await self.reading(watch.state)).value
        going_on = changes(state, watch.sightings, lambda pool: self.pool_view(fsid, pool).task is not None)
        self.send(ChangeListView([change_view(change) for change in going_on]))
