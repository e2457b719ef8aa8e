"""What people see of a cluster whose manager cannot use the module that measures images, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.steps import sign_in
from tests.support.broken_manager import assert_explains, broken_manager
from tests.support.ceph_service import options_for
from tests.support.service import Service


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    with broken_manager(tmp_path_factory.mktemp("modules")) as found:
        yield found


@pytest.fixture(scope="module")
def service(broken, tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service")).start(*options_for({"main": broken[0].conf}))
    yield service
    service.close()


@pytest.mark.slow
def test_images_say_which_module_fails_and_show_what_there_is(broken, service, tab):
    sign_in(tab)
    tab.page.get_by_role("navigation", name="Views").get_by_role("link", name="Images").click()
    alert = tab.page.get_by_role("alert").filter(has_text="rbd_support")
    expect(alert).to_contain_text(broken[1])
    assert_explains(alert.locator(".trouble-words").inner_text(), broken[1])
    expect(tab.page.get_by_role("row").filter(has_text="disk")).to_be_visible()
