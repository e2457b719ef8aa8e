"""The views of clusters where there is none, or none that can be reached. Those of a real one are in tests/ceph."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import open_dialog, sign_in
from tests.browser.test_accessibility import findings


@pytest.fixture
def lost(own_service):
    """A service with a cluster whose conf file is not there."""
    own_service.stop()
    own_service.start("--set", 'ceph "lost".conf=/nonexistent/ceph.conf')
    return own_service


def views(tab):
    return tab.page.get_by_role("navigation", name="Views")


def test_without_a_cluster_the_views_say_how_to_name_one(tab):
    sign_in(tab)
    for view in ("Pools", "Images"):
        views(tab).get_by_role("link", name=view).click()
        expect(tab.page.get_by_role("heading", name=view, level=1)).to_be_visible()
        region = tab.page.get_by_role("region", name="No Ceph cluster is configured")
        expect(region).to_contain_text('[ceph "main"]')
        expect(region).to_contain_text("make ceph")


def test_the_views_are_places_to_come_back_to(tab):
    sign_in(tab)
    views(tab).get_by_role("link", name="Pools").click()
    expect(tab.page).to_have_url(re.compile(r"\?view=pools$"))
    expect(views(tab).get_by_role("link", name="Pools")).to_have_attribute("aria-current", "page")
    dialog = open_dialog(tab)
    expect(tab.page).to_have_url(re.compile(r"\?view=pools&tab=pending$"))
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(tab.page.get_by_role("heading", name="Pools", level=1)).to_be_visible()
    views(tab).get_by_role("link", name="Home").click()
    expect(tab.page.get_by_role("heading", name="Workers")).to_be_visible()
    tab.page.go_back()
    expect(tab.page.get_by_role("heading", name="Pools", level=1)).to_be_visible()


@pytest.mark.parametrize("view", ["pools", pytest.param("images", marks=pytest.mark.slow)])
def test_axe_finds_nothing_serious_where_there_is_no_cluster(tab, view):
    sign_in(tab, address=f"?view={view}")
    expect(tab.page.get_by_role("region", name="No Ceph cluster is configured")).to_be_visible()
    for width, height in ((1280, 800), (390, 844)):
        tab.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            assert findings(tab) == [], (theme, width)


def test_a_cluster_that_cannot_be_reached_is_told_with_what_to_look_at(lost, own_tab):
    """With rados and rbd it is the conf file that is missing, without them the packages."""
    sign_in(own_tab, address="?view=images")
    trouble = own_tab.page.get_by_role("alert").filter(has_text="Cluster lost cannot be reached")
    expect(trouble).to_contain_text(re.compile(r"/nonexistent/ceph\.conf|python3-rados"))
    expect(own_tab.page.get_by_role("button", name="Get RBD performance data")).to_have_count(0)
    assert findings(own_tab) == []
