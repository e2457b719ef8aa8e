"""The examples of a page of the docs, run in order as one program a language, against the real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property

from tests.support.service import PASSWORD, ROOT, Service

COMMANDS = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable, "-W", "error", "-u"]}
SAYS = {"sh": "\nprintf '\\n--- example %s was run\\n'\n", "python": "\nprint('--- example %s was run')\n"}
SAID_BY_THE_EXAMPLE_OF_AN_ERROR = "curl: (22)"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Page:
    """A page, `rest.md` say, and what its examples take for granted: those of some sections of another page."""

    def __init__(self, name: str, after: Sequence[str] = ()) -> None:
        self.text = (ROOT / "docs" / name).read_text()
        self._after = after

    def blocks(self, language: str) -> list[str]:
        return [text for one, text in BLOCK.findall(self.text) if one == language]

    @property
    def examples(self) -> list[tuple[str, int]]:
        return [(language, number) for language in COMMANDS for number in range(len(self.blocks(language)))]

    @cached_property
    def sections(self) -> list[str]:
        """Those with examples."""
        return [text for text in re.split(r"^#{2,3} ", self.text, flags=re.MULTILINE)[1:] if BLOCK.search(text)]

    def program(self, language: str) -> str:
        """All examples of a language as one program: they share what they define. Each says when it is done."""
        before = [text for section in self._after for one, text in BLOCK.findall(section) if one == language]
        here = (text + SAYS[language] % number for number, text in enumerate(self.blocks(language)))
        return "".join([*before, *here])

    def run(self, language: str, service: Service, patience_seconds: float) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HOURGLASS_URL": service.base,
            "HOURGLASS_PASSWORD": PASSWORD,
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
        }
        command = [*COMMANDS[language], "-c", self.program(language)]
        options = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True}
        return subprocess.run(command, check=False, timeout=patience_seconds, **options)


def languages_of(section: str) -> set[str]:
    return {language for language, _ in BLOCK.findall(section)}


def said_wrong(run: subprocess.CompletedProcess[str]) -> list[str]:
    """What a program said that something went wrong, but for the example of an error."""
    return [line for line in run.stderr.splitlines() if not line.startswith(SAID_BY_THE_EXAMPLE_OF_AN_ERROR)]
