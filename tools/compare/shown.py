"""Gives the page the same times and measurements each time, in place of those that the server answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 1, 15, 12, 0, 20, tzinfo=UTC)
FIRST_TASK = NOW - timedelta(days=3, seconds=40)
"""Not on a full minute, so that the few seconds of a walk change no words like `3 days ago`."""

UNCHANGED = frozenset({"params", "parameters", "metadata", "result", "output", "errors"})


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _task(task: dict[str, Any]) -> dict[str, Any]:
    """Makes a task's times follow from its number, so that they rise as they really do."""
    created = FIRST_TASK + timedelta(minutes=task["id"])
    running = task["status"] == "Running"
    began = NOW - timedelta(minutes=14) if running else created + timedelta(seconds=30)
    ended = created + timedelta(seconds=95 + 7 * (task["id"] % 10))
    modified = NOW - timedelta(seconds=20) if running else ended if task["ended"] else created
    return {
        "created": text(created),
        "started": text(began) if task["started"] else None,
        "last_modified": text(modified),
        "ended": text(ended) if task["ended"] else None,
        "estimated": text(NOW + timedelta(minutes=25)) if task["estimated"] else None,
        "pace_seconds": None if task["pace_seconds"] is None else 2.5,
        "stalled": running and task["id"] % 2 == 0,
    }


def _round(round_: dict[str, Any]) -> dict[str, Any]:
    at = FIRST_TASK + timedelta(minutes=30, seconds=3 * round_["number"])
    return {"at": text(at) if round_["at"] else None, "seconds": 1.5}


def _worker(_: dict[str, Any]) -> dict[str, Any]:
    return {"pid": 4711, "cpu_percent": 12.5, "memory_bytes": 52_428_800, "uptime_seconds": 3723.0, "tasks_done": 7}


def _transition(transition: dict[str, Any]) -> dict[str, Any]:
    return {"at": text(FIRST_TASK + timedelta(minutes=transition["task"], seconds=95))}


def _interruption(interruption: dict[str, Any]) -> dict[str, Any]:
    at = FIRST_TASK + timedelta(hours=1)
    return {"at": text(at), "resumed": text(at + timedelta(seconds=9)) if interruption["resumed"] else None}


def _due(_: dict[str, Any]) -> dict[str, Any]:
    return {"last_modified": text(FIRST_TASK), "removed": text(NOW + timedelta(days=30))}


KINDS: tuple[tuple[frozenset[str], Callable[[dict[str, Any]], dict[str, Any]]], ...] = (
    (frozenset({"id", "job", "created", "ended", "pace_seconds"}), _task),
    (frozenset({"number", "at", "seconds", "output"}), _round),
    (frozenset({"pid", "cpu_percent", "memory_bytes"}), _worker),
    (frozenset({"task", "from", "to", "at"}), _transition),
    (frozenset({"at", "resumed"}), _interruption),
    (frozenset({"id", "removed", "last_modified"}), _due),
)
FIELDS: Mapping[str, object] = {
    "now": text(NOW),
    "as_of": text(NOW - timedelta(minutes=2, seconds=20)),
    "used_as_of": text(NOW - timedelta(minutes=14)),
    "performance_as_of": text(NOW - timedelta(minutes=14)),
    "uptime_seconds": 3723.0,
}


def shown(value: Any) -> Any:
    """Returns an answer or a frame with fixed times and measurements; nulls stay, and so does all that is not known."""
    if isinstance(value, list):
        return _workers([shown(one) for one in value])
    if not isinstance(value, dict):
        return value
    value = {key: one if key in UNCHANGED else shown(one) for key, one in value.items()}
    for members, fixed in KINDS:
        if members <= value.keys():
            return {**value, **fixed(value)}
    if "minutes" in value:
        value["minutes"] = [_minute(one, number) for number, one in enumerate(value["minutes"])]
    return {**value, **{key: one for key, one in FIELDS.items() if value.get(key) is not None}}


def _workers(values: list[Any]) -> list[Any]:
    """Leaves out which of two workers took which task: that is chance."""
    are_workers = values and all(isinstance(one, dict) and "cpu_percent" in one for one in values)
    return sorted(values, key=lambda one: (one["state"], one["task"] or 0)) if are_workers else values


def _minute(minute: dict[str, Any], number: int) -> dict[str, Any]:
    at = (NOW - timedelta(minutes=59 - number)).replace(second=0)
    count = number * number % 7
    figures = {"created": count + 1, "started": count + 1, "finished": count, "failed": int(number % 9 == 0)}
    return {**minute, "minute": text(at), **figures, "waiting_seconds": 0.5 + count / 4, "running_seconds": 3.0 + count}
