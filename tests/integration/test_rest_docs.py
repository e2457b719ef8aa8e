"""Every example of docs/rest.md is run, in order, against the real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.service import PASSWORD, PATIENCE_SECONDS, ROOT, Service

TEXT = (ROOT / "docs" / "rest.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable, "-W", "error", "-u"]}
SAID_BY_THE_EXAMPLE_OF_AN_ERROR = "curl: (22)"
SAYS = {"sh": "\nprintf '\\n--- example %s was run\\n'\n", "python": "\nprint('--- example %s was run')\n"}
EXAMPLES = [(language, number) for language in COMMANDS for number in range(sum(one == language for one, _ in BLOCKS))]


def program(language):
    """All examples of a language as one program: they share what they define. Each says when it is done."""
    blocks = [text for one, text in BLOCKS if one == language]
    return "".join(text + SAYS[language] % number for number, text in enumerate(blocks))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What each program said, and how it ended."""
    service = Service(tmp_path_factory.mktemp("docs")).start()
    environment = {
        **os.environ,
        "HOURGLASS_URL": service.base,
        "HOURGLASS_PASSWORD": PASSWORD,
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
    }
    try:
        yield {language: run(language, environment) for language in COMMANDS}
    finally:
        service.close()


def run(language, environment):
    command = [*COMMANDS[language], "-c", program(language)]
    options = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True}
    return subprocess.run(command, check=False, timeout=PATIENCE_SECONDS, **options)


@pytest.mark.parametrize(("language", "number"), EXAMPLES)
def test_each_example_runs(runs, language, number):
    run = runs[language]

    assert f"--- example {number} was run\n" in run.stdout, f"{run.stdout}\n{run.stderr}"


@pytest.mark.parametrize("language", COMMANDS)
def test_no_example_says_anything_went_wrong(runs, language):
    said = [line for line in runs[language].stderr.splitlines() if not line.startswith(SAID_BY_THE_EXAMPLE_OF_AN_ERROR)]

    assert (runs[language].returncode, said) == (0, [])


def sections():
    return re.split(r"^#{2,3} ", TEXT, flags=re.MULTILINE)[2:]


@pytest.mark.parametrize(
    "section", [text for text in sections() if "```" in text], ids=lambda text: text.splitlines()[0]
)
def test_each_example_is_there_in_curl_and_in_python(section):
    languages = {language for language, _ in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)}

    assert languages in ({"sh", "python"}, {"js"})


def test_what_is_shown_in_python_needs_the_standard_library_alone():
    imported = set(re.findall(r"^(?:import|from) (\w+)", program("python"), re.MULTILINE))

    assert imported <= sys.stdlib_module_names
