"""What made-up tasks are made of."""

from __future__ import annotations

NEVER = "/nonexistent/never"
"""A path for the job `waits`: it waits until its worker is killed."""

LATER = "2999-01-01T00:00:00Z"
"""An earliest start: the task waits for as long as the test takes."""
