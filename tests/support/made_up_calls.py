"""What schemathesis is told beyond the description: loaded by it in a process of its own."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: Any) -> None:
    """Makes a call that shall be accepted one that can be: some rules no schema can say."""
    if not case.meta.generation.mode.is_positive:
        return
    case.body = whole(case.body)
    if isinstance(case.body, list):
        case.headers.pop("Idempotency-Key", None)  # goes with a single task
        case.body = [one for one in case.body if not needs_cluster(one)]  # there is none here: 409 for a single task
    case.query.pop("after", None)  # is what the page before has said
    if case.operation.label == "DELETE /taskqueue":
        case.query = {"id": case.query.get("id") or [1]}  # ids or a filter, not both, and not another count


def needs_cluster(task: Any) -> bool:
    """Whether a task, or a step of a chain, is of a job that does."""
    steps = task.get("params", {}).get("steps", [])
    return task["job"] in ("pool_create", "pool_pgs", "rbd_performance") or any(map(needs_cluster, steps))


def whole(value: Any) -> Any:
    """5.0 is an integer to JSON Schema, and none to us."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [whole(one) for one in value]
        case dict():
            return {key: whole(one) for key, one in value.items()}
        case _:
            return value
