"""What a cluster itself reports the progress of: `ceph progress`, the autoscaler, removals of images.

The monitors know the events with a bar of characters in their texts; whom they concern, since when they go on and what
they are called is known to the manager alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any

from ceph.cluster import Cluster
from ceph.state import Pool, ProgressEvent
from jobs.errors import ClusterError

MOST_EVENTS = 100
MOST_CHARACTERS = 500
LATEST_SECONDS = 2**33
"""Times beyond are none: the year is 2242."""
_DURATION = re.compile(r"\s*\(\w+\)$")

Details = Mapping[str, Mapping[str, Any]]
"""The events by their ids, as the manager tells them."""


def details_of(cluster: Cluster) -> Details:
    """Returns what the manager tells of the events; nothing if it does not answer, or not to this key."""
    try:
        told = cluster.ask("progress json", passed_on=True)
    except ClusterError:
        return {}
    events = told.get("events") if isinstance(told, dict) else None
    return {str(event.get("id")): event for event in events or [] if isinstance(event, dict)}


def events_of(told: object, details: Details, pools: Sequence[Pool]) -> list[ProgressEvent]:
    """Returns the events that the monitors tell (`progress_events` of a status), at most MOST_EVENTS of them."""
    events = told.items() if isinstance(told, dict) else ()
    return list(islice(_events(events, details, pools), MOST_EVENTS))


def _events(told: Any, details: Details, pools: Sequence[Pool]) -> Iterator[ProgressEvent]:
    for event_id, event in told:
        if not isinstance(event, dict):
            continue
        detail = details.get(event_id, {})
        refs = detail.get("refs")
        pool = _pool(refs, pools)
        yield ProgressEvent(
            id=event_id[:MOST_CHARACTERS],
            text=_text(detail.get("message")) or _without_bar(event.get("message")),
            percent=_percent(event.get("progress")),
            pool_id=pool.id if pool else None,
            is_of_pgs=pool is not None and isinstance(refs, list),
            began_at=_milliseconds(detail.get("started_at")),
        )


def _pool(refs: object, pools: Sequence[Pool]) -> Pool | None:
    """The pool that is meant: by `["pool", 3]` if its PGs change, by `{"pool_name": …}` if something in it does."""
    if isinstance(refs, dict):
        return next((pool for pool in pools if pool.name == refs.get("pool_name")), None)
    pairs = [ref for ref in refs if isinstance(ref, list) and len(ref) == 2] if isinstance(refs, list) else []
    ids = {str(number) for kind, number in pairs if kind == "pool"}
    return next((pool for pool in pools if str(pool.id) in ids), None)


def _text(message: object) -> str:
    words = " ".join(message.split()) if isinstance(message, str) else ""
    return words if len(words) <= MOST_CHARACTERS else f"{words[: MOST_CHARACTERS - 1]}…"


def _without_bar(message: object) -> str:
    """The message of a monitor without how long it has been going on, and the bar in the line below."""
    first_line = message.strip().partition("\n")[0] if isinstance(message, str) else ""
    return _text(_DURATION.sub("", first_line)) or "The cluster does not say what it does"


def _percent(progress: object) -> int | None:
    share = _number(progress)
    return None if share is None else min(max(int(100 * share), 0), 100)


def _milliseconds(seconds: object) -> int | None:
    since = _number(seconds)
    return int(1000 * since) if since is not None and 0 < since < LATEST_SECONDS else None


def _number(told: object) -> float | None:
    return told if isinstance(told, int | float) and not isinstance(told, bool) and isfinite(told) else None
