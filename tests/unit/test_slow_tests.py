"""Tests marked as slow are left out unless they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

def test_quick(): pass

@pytest.mark.slow
def test_slow(): pass
"""


def collected(directory, *options):
    (directory / "test_two.py").write_text(TESTS)
    plugins = ["-p", "pytest_tornado.plugin", "-p", "tests.conftest"]  # others take longer to load than the rest takes
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", *plugins, "--collect-only", "-q"]
    done = subprocess.run(
        [*command, *options, directory / "test_two.py"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.parametrize(
    ("options", "tests"),
    [
        ([], ["test_quick"]),
        (["--full"], ["test_quick", "test_slow"]),
        (["-m", "slow"], ["test_slow"]),
    ],
)
def test_slow_tests_run_only_when_asked_for(tmp_path, options, tests):
    assert collected(tmp_path, *options) == tests
