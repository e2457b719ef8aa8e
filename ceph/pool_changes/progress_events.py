"""Parses the progress that a cluster itself reports: `ceph progress`, the autoscaler, removals of images.

The monitors report events with a bar of characters in their texts; only the manager knows what an event concerns, when
it began and what it is called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any

from msgspec import Struct

from ceph.connection.cluster import Cluster
from ceph.errors import ClusterError
from ceph.state import Pool, ProgressEvent
from jobs.text import cut

MOST_EVENTS = 100
MOST_CHARACTERS = 500
LATEST_SECONDS = 2**33
"""Later times are invalid: this is in the year 2242."""
_DURATION = re.compile(r"\s*\(\w+\)$")


class Detail(Struct, frozen=True):
    """What only the manager knows of an event. A pool is given by its id if its PGs change, by its name if something in
    it does."""

    text: str = ""
    pool_id: str | None = None
    pool_name: str | None = None
    began_at: int | None = None


Details = Mapping[str, Detail]
"""By the ids of the events."""


def details_of(cluster: Cluster) -> Details:
    """Returns the manager's details of the events; none if it does not answer, or the key does not permit it."""
    try:
        return read_details(cluster.ask("progress json", passed_on=True))
    except ClusterError:
        return {}


def read_details(answer: object) -> Details:
    """Parses the answer to `progress json`, whatever its form."""
    events = answer.get("events") if isinstance(answer, dict) else None
    listed = islice(events, MOST_EVENTS) if isinstance(events, list) else ()
    return {_cut(event.get("id")): _detail(event) for event in listed if isinstance(event, dict)}


def _detail(event: Mapping[str, Any]) -> Detail:
    """Parses an event. The autoscaler's `refs` are `[["pool", 3]]`, those of removals `{"pool_name": "rbd", …}`."""
    refs = event.get("refs")
    pairs = [ref for ref in refs if isinstance(ref, list) and len(ref) == 2] if isinstance(refs, list) else []
    return Detail(
        text=_text(event.get("message")),
        pool_id=next((_cut(number) for kind, number in pairs if kind == "pool"), None),
        pool_name=_cut(refs.get("pool_name")) if isinstance(refs, dict) else None,
        began_at=_milliseconds(event.get("started_at")),
    )


def events_of(reported: object, details: Details, pools: Sequence[Pool]) -> list[ProgressEvent]:
    """Parses the events of the monitors (`progress_events` of a status), at most MOST_EVENTS of them."""
    listed = islice(reported.items(), MOST_EVENTS) if isinstance(reported, dict) else ()
    return [_event(_cut(event_id), event, details, pools) for event_id, event in listed if isinstance(event, dict)]


def _event(event_id: str, event: Mapping[str, Any], details: Details, pools: Sequence[Pool]) -> ProgressEvent:
    detail = details.get(event_id, Detail())
    pool = next((pool for pool in pools if str(pool.id) == detail.pool_id or pool.name == detail.pool_name), None)
    return ProgressEvent(
        id=event_id,
        text=detail.text or _without_bar(event.get("message")),
        percent=_percent(event.get("progress")),
        pool_id=pool.id if pool else None,
        is_of_pgs=pool is not None and detail.pool_id is not None,
        began_at=detail.began_at,
    )


def _cut(value: object) -> str:
    return str(value)[:MOST_CHARACTERS]


def _text(message: object) -> str:
    words = " ".join(message.split()) if isinstance(message, str) else ""
    return cut(words, MOST_CHARACTERS)


def _without_bar(message: object) -> str:
    """Returns a monitor's message without its duration and without the bar in the line below."""
    first_line = message.strip().partition("\n")[0] if isinstance(message, str) else ""
    return _text(_DURATION.sub("", first_line)) or "The cluster does not say what it does"


def _percent(progress: object) -> int | None:
    share = _number(progress)
    return None if share is None else min(max(int(100 * share), 0), 100)


def _milliseconds(seconds: object) -> int | None:
    since = _number(seconds)
    return int(1000 * since) if since is not None and 0 < since < LATEST_SECONDS else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None
