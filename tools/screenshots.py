"""Makes the README's picture from the running page: `.venv/bin/python -m tools.screenshots`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, find_chromium
from tests.browser.steps import CREATE_TEST_TASK
from tests.support.service import PASSWORD, ROOT, Service

PICTURE = ROOT / "docs" / "images" / "background-tasks.png"


def main() -> None:
    PICTURE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        service = Service(Path(directory)).start("--set", "test_task.round_seconds=0.4")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1120, "height": 640})
        page.goto(service.address)
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        for times in (2, 20, 40, 12, 64):
            page.evaluate(f"() => {{ {CREATE_TEST_TASK}; createTestTask({times}); }}")
        page.get_by_role("button", name="Background-Task").click()
        page.get_by_role("tab", name="Finished (1)").wait_for()
        page.get_by_text("round 9 of").wait_for()
        page.get_by_role("button", name="Close message").click()
        page.screenshot(path=PICTURE)
        browser.close()
        service.stop()


if __name__ == "__main__":
    main()
