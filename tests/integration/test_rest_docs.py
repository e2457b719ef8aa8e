"""Every example of docs/rest.md is run, in order, against the real server."""

from __future__ import annotations

import re
import sys

import pytest

from tests.support.examples import COMMANDS, Page, languages_of, said_wrong
from tests.support.service import PATIENCE_SECONDS, Service

PAGE = Page("rest.md")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What each program said, and how it ended."""
    service = Service(tmp_path_factory.mktemp("docs")).start()
    try:
        yield {language: PAGE.run(language, service, PATIENCE_SECONDS) for language in COMMANDS}
    finally:
        service.close()


@pytest.mark.parametrize(("language", "number"), PAGE.examples)
def test_each_example_runs(runs, language, number):
    run = runs[language]

    assert f"--- example {number} was run\n" in run.stdout, f"{run.stdout}\n{run.stderr}"


@pytest.mark.parametrize("language", COMMANDS)
def test_no_example_says_anything_went_wrong(runs, language):
    assert (runs[language].returncode, said_wrong(runs[language])) == (0, [])


@pytest.mark.parametrize("section", PAGE.sections[1:], ids=lambda text: text.splitlines()[0])
def test_each_example_is_there_in_curl_and_in_python(section):
    assert languages_of(section) in ({"sh", "python"}, {"js"})


def test_what_is_shown_in_python_needs_the_standard_library_alone():
    imported = set(re.findall(r"^(?:import|from) (\w+)", PAGE.program("python"), re.MULTILINE))

    assert imported <= sys.stdlib_module_names
