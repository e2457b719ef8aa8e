"""Schemathesis makes calls out of the description of the API, good ones and bad ones, and looks at each answer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.described import Described
from tests.support.service import PASSWORD, ROOT, Client

# Jobs that do no harm, rounds that end soon; and nobody is shut out for guessing.
SETTINGS = ["jobs.modules=", "test_task.round_seconds=0.05", "auth.wrong_passwords=1000000"]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "ensure_resource_availability",
]
"""All but two: a task that was deleted while it was pending is still there (use_after_free), and all users see all
tasks (object_level_authorization)."""


@pytest.fixture
def started(service, io_loop):
    """A service that has tasks which wait, run and have finished, and how many operations it describes."""
    service.start(*(word for setting in SETTINGS for word in ("--set", setting)))
    client = Client(service)

    async def create() -> int:
        tasks = [await client.create("test_task", times=times) for times in (1, 2, 1_000_000)]
        await client.ended(tasks[1]["id"])
        return len(Described(await client.get("openapi.json")).operations())

    return service, io_loop.run_sync(create, timeout=60)


@pytest.mark.parametrize(
    "calls",
    [
        ["--max-examples=1", "--phases=fuzzing"],
        pytest.param(["--max-examples=30"], marks=pytest.mark.slow),
    ],
    ids=["some", "many"],
)
def test_the_server_conforms_to_its_description_whatever_it_is_asked(started, tmp_path, calls):
    """The other phases make thousands of calls, along the bounds of each parameter and in the order that links tell."""
    service, operations = started
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color"]
    command += ["--config-file", str(ROOT / "tests/support/made_up_calls.toml"), "run"]
    command += ["--checks", ",".join(CHECKS), "--auth", f"admin:{PASSWORD}", *calls]
    ended = subprocess.run(
        [*command, f"{service.base}/openattic/api/openapi.json"],
        cwd=tmp_path,  # where it leaves what it remembers
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"Tested: {operations - 2}" in ended.stdout, ended.stdout  # all but the WebSocket and the description itself
    assert "Traceback" not in (tmp_path / "server.log").read_text()
