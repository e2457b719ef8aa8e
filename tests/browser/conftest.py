from __future__ import annotations

import shutil
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.service import Service, basic

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # so that a page finds the modules that the one before has compiled
]
VIEWPORT = {"width": 1280, "height": 800}


expect.set_options(timeout=15_000)
"""The machine may be slow: what is waited for comes all the same."""


def find_chromium():
    """Returns the path of Chromium, preferably of its headless shell: a page loads in half the CPU time there."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)))


@pytest.fixture(scope="package")
def browser():
    """Not for the whole session: while playwright's own loop runs, tests elsewhere could run none."""
    with launched() as browser:
        yield browser


@contextmanager
def launched():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        browser.new_context(viewport=VIEWPORT)  # the first one, which most tests share
        yield browser
        browser.close()


SETTINGS = ("--set", "test_task.round_seconds=0.1")


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory):
    """The service that most tests use, one after another: to start one takes longer than many a test."""
    service = Service(tmp_path_factory.mktemp("shared"), workers=2).start(*SETTINGS)
    yield service
    service.close()


@pytest.fixture
def service(shared_service):
    """The shared service, without the tasks and the users of earlier tests."""
    empty(shared_service)
    return shared_service


@pytest.fixture
def own_service(tmp_path):
    """A service for one test, which may end it, or needs one on which nothing ever happened."""
    service = Service(tmp_path, workers=2).start(*SETTINGS)
    yield service
    service.close()


def empty(service):
    """Deletes all tasks, whatever they do: the pending ones are ended by the first call."""
    for statuses in ("Not+Started&status=Running", "Exception&status=Aborted&status=Finished"):
        url = f"{service.base}/openattic/api/taskqueue?status={statuses}&force=true"
        urlopen(Request(url, method="DELETE", headers=basic())).close()


def said(message):
    """With the address, where the browser itself has something to say of an answer."""
    return f"{message.type}: {message.text} {message.location.get('url', '')}".strip()


class Page:
    """A tab, and everything that its console said."""

    def __init__(self, context, service):
        self.service = service
        self.page = context.new_page()
        self.said = []
        self.forgiven = []
        self.asked = []
        self.page.on("console", lambda message: self.said.append(said(message)))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def forgive(self, *texts):
        """What Chromium itself reports of answers that refuse, or of a server that is gone."""
        self.forgiven += texts

    def check(self):
        """The console must have said nothing else, and nothing may have been asked of anybody but the service."""
        assert [said for said in self.said if not any(text in said for text in self.forgiven)] == []
        assert [url for url in self.asked if not url.startswith((self.service.base, "data:"))] == []


@contextmanager
def opened(browser, service, *forgiven, **options):
    """A tab of a fresh browser, which has cached nothing; its console must have said nothing when the test ends."""
    context = browser.new_context(viewport=VIEWPORT, **options)
    tab = Page(context, service)
    tab.forgive(*forgiven)
    yield tab
    context.close()
    tab.check()


def forget(context, service):
    """Removes everything from a browser that a page can have stored there, except for what it has loaded.

    One page stays open: Chromium would end its process otherwise, and the next one would compile all modules again.
    """
    first, *others = context.pages or [context.new_page()]
    for page in others:
        page.close()
    first.goto(f"{service.base}/openattic/static/img/hourglass.svg")
    assert first.evaluate("String(Date).includes('native code')"), "a clock is installed for all tabs: use fresh_tab"
    stored = {"origin": service.base, "storageTypes": "cookies,indexeddb,local_storage,service_workers"}
    context.new_cdp_session(first).send("Storage.clearDataForOrigin", stored)
    context.clear_cookies()
    context.clear_permissions()


@pytest.fixture
def tab(browser, service):
    """A tab of the browser that most tests share, which knows nothing of those before; see opened."""
    context = browser.contexts[0]
    forget(context, service)
    tab = Page(context, service)
    yield tab
    tab.page.close()
    tab.check()


@pytest.fixture
def fresh_tab(browser, service):
    """See opened. For tests that set the clock, which playwright does for all tabs of a browser."""
    with opened(browser, service) as tab:
        yield tab


@pytest.fixture
def own_tab(browser, own_service):
    """See opened."""
    with opened(browser, own_service) as tab:
        yield tab
