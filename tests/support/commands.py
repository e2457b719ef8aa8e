"""The commands of server.py, in the process of the test."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import server
import streams


def run_command(*words, given=b""):
    """Runs `server.py …` in this process: its exit code, and what it says and complains of. As a program of its own it
    takes half a second, most of it to import."""
    with ThreadPoolExecutor(1) as thread:  # in this one a loop may be running, and the command has one of its own
        return thread.submit(_run, words, given).result()


def _run(words, given):
    with (
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given))),
        _written_to(streams.STANDARD_OUTPUT) as said,
        _written_to(streams.STANDARD_ERROR) as complained,
    ):
        code = server.main([*words])
        return code, said.read_text(), complained.read_text()


@contextmanager
def _written_to(descriptor: int) -> Iterator[Path]:
    """What is written to a descriptor meanwhile, as a file."""
    usual, instead = os.dup(descriptor), os.memfd_create("written")
    os.dup2(instead, descriptor)
    try:
        yield Path(f"/proc/self/fd/{instead}")
    finally:
        os.dup2(usual, descriptor)
        os.close(usual)
        os.close(instead)
