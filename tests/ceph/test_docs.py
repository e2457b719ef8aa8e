"""Every example of docs/ceph.md is run, in order, against the real server and a real cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.ceph_service import options_for
from tests.support.examples import COMMANDS, Page, languages_of, said_wrong
from tests.support.service import Service

SIGNING_IN = next(text for text in Page("rest.md").sections if text.startswith("Signing in\n"))
PAGE = Page("ceph.md", after=[SIGNING_IN])
LIMIT_SECONDS = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cluster):
    """What each program said, and how it ended."""
    cluster.create_pool("rbd")
    cluster.create_image("rbd", "disk", data_mb=4)
    service = Service(tmp_path_factory.mktemp("docs")).start(*options_for({"main": cluster.conf}))
    try:
        with ThreadPoolExecutor() as threads:
            ran = threads.map(lambda language: PAGE.run(language, service, LIMIT_SECONDS), COMMANDS)
            yield dict(zip(COMMANDS, ran, strict=True))
    finally:
        service.close()
        for name in ("rbd", "from-sh", "from-python"):
            cluster.delete_pool(name)


@pytest.mark.parametrize(("language", "number"), PAGE.examples)
def test_each_example_runs(runs, language, number):
    run = runs[language]

    assert f"--- example {number} was run\n" in run.stdout, f"{run.stdout}\n{run.stderr}"


@pytest.mark.parametrize("language", COMMANDS)
def test_no_example_says_anything_went_wrong(runs, language):
    assert (runs[language].returncode, said_wrong(runs[language])) == (0, [])


@pytest.mark.parametrize("section", PAGE.sections, ids=lambda text: text.splitlines()[0])
def test_each_example_is_there_in_curl_and_in_python(section):
    assert languages_of(section) == {"sh", "python"}
