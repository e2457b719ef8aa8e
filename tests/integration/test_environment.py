"""What the server's processes inherit."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.support.service import PASSWORD


def test_the_admin_password_of_the_environment_is_in_no_process_that_the_server_starts(service):
    service.start()
    children = psutil.Process(service.server.pid).children(recursive=True)

    assert len(children) >= len(service.workers()) > 0
    for child in children:
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        assert b"PATH=" in environment
        assert PASSWORD.encode() not in environment
        assert b"HOURGLASS_ADMIN_PASSWORD" not in environment
