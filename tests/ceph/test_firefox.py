"""A walk through the page in Firefox: sign-in, dialog, task and pools. Everything else is tested in Chromium."""

from __future__ import annotations

import gc
import shutil
import socket
import warnings

import pytest

from tests.browser.steps import CREATE_TEST_TASK
from tests.support.ceph_service import options_for
from tests.support.service import PASSWORD, Service

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Firefox:
    """A window of Firefox, driven by Marionette, and what it has logged."""

    def __init__(self, directory):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Marionette's own packages are warned of
            from marionette_driver import By, Wait
            from marionette_driver.marionette import Marionette
        self._by, self._wait = By, Wait
        self._log = directory / "gecko.log"
        self._marionette = Marionette(
            bin=shutil.which("firefox-esr"),
            host="127.0.0.1",
            port=free_port(),
            headless=True,
            gecko_log=str(self._log),
            workspace=str(directory),
        )
        self._marionette.start_session()

    def open(self, url):
        self._marionette.navigate(url)

    def run(self, script):
        self._marionette.execute_script(script, sandbox=None)

    def find(self, xpath):
        """Waits until the element is visible and returns it."""

        def visible(marionette):
            return next((one for one in marionette.find_elements(self._by.XPATH, xpath) if one.is_displayed()), None)

        return self._wait(self._marionette, timeout=PATIENCE_SECONDS).until(visible, message=f"{xpath} is not visible")

    def button(self, words):
        return self.find(f"//button[contains(normalize-space(.), '{words}') or contains(@aria-label, '{words}')]")

    def text(self, words):
        return self.find(f"//*[contains(normalize-space(text()), '{words}')]")

    def script_errors(self):
        return [line for line in self._log.read_text().splitlines() if line.startswith("JavaScript error: http")]

    def close(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._marionette.quit(in_app=False)
            self._marionette.cleanup()
            self._marionette = None
            gc.collect()  # at the end of Python its profile could not clean up any more


@pytest.fixture
def firefox(tmp_path):
    firefox = Firefox(tmp_path)
    yield firefox
    firefox.close()


@pytest.fixture
def service(cluster, tmp_path):
    service = Service(tmp_path).start(*options_for({"main": cluster.conf}))
    yield service
    service.close()


@pytest.mark.filterwarnings("ignore")  # of Marionette's own packages, which are older than Python's warnings
def test_a_person_signs_in_watches_a_task_and_sees_pools(firefox, service, new_pool):
    pool = new_pool(pg_num=8)
    firefox.open(service.address)
    firefox.find("//input[@autocomplete='username']").send_keys("admin")
    firefox.find("//input[@type='password']").send_keys(PASSWORD)
    firefox.button("Sign in").click()
    firefox.button("Sign out")

    firefox.run(f"{CREATE_TEST_TASK}; createTestTask(3);")
    firefox.button("Background-Task").click()
    firefox.find("//*[@role='tab'][contains(., 'Finished (1)')]").click()
    firefox.find("//a[contains(normalize-space(.), 'Test task of 3 rounds')]").click()
    firefox.text("Finished after 3 rounds")

    firefox.open(f"{service.address}?view=pools")
    assert "8" in firefox.find(f"//tr[contains(., '{pool}')]").text
    assert firefox.script_errors() == []
