"""What people see of pools that may not be changed, of clusters that hold a change up, and of renamed pools."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import sign_in
from tests.browser.test_accessibility import findings
from tests.ceph.test_browser import CHANGE_MILLISECONDS, open_pgs_form, pgs, row, view

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(shared_service):
    """The one that `tab` shows."""
    return shared_service


def what_it_means(form, number):
    form.get_by_label("Number of PGs").fill(number)
    return form.get_by_role("status", name="What it means")


def test_a_change_that_was_forbidden_cannot_be_asked_for(cluster, new_pool, tab):
    pool = new_pool()
    cluster.command("osd pool set", pool=pool, var="nopgchange", val="true")
    sign_in(tab)
    view(tab, "Pools")
    form = open_pgs_form(tab, pool)

    expect(what_it_means(form, "16")).to_contain_text("has the flag nopgchange; to remove it: ceph osd pool set")
    expect(form.get_by_role("button", name="Set to 16 PGs")).to_be_disabled()
    cluster.command("osd pool set", pool=pool, var="nopgchange", val="false")
    expect(what_it_means(form, "32")).to_contain_text("8 → 32")
    expect(form.get_by_role("button", name="Set to 32 PGs")).to_be_enabled()


def test_what_would_hold_a_change_up_is_said_before(cluster, new_pool, tab):
    pool = new_pool()
    cluster.command("osd set", key="norecover")
    cluster.command("osd set", key="noup")
    try:
        cluster.command("osd down", ids=["2"])
        sign_in(tab)
        view(tab, "Pools")
        meaning = what_it_means(open_pgs_form(tab, pool), "16")
        expect(meaning).to_contain_text("Flags of the cluster can make it wait forever: norecover (PGs do not recover)")
        expect(meaning).to_contain_text("1 of 3 OSDs is down (osd.2)")
        assert findings(tab) == []
    finally:
        cluster.command("osd unset", key="norecover")
        cluster.command("osd unset", key="noup")
        cluster.wait_up()


def test_a_pool_that_is_renamed_under_its_task_still_shows_it(cluster, new_pool, tab):
    pool = new_pool(megabytes=10)
    sign_in(tab)
    view(tab, "Pools")
    form = open_pgs_form(tab, pool)
    what_it_means(form, "32")
    form.get_by_role("button", name="Set to 32 PGs").click()
    expect(pgs(tab, pool)).to_have_text("8 → 32")
    cluster.command("osd pool rename", srcpool=pool, destpool=f"{pool}-other")
    try:
        renamed = row(tab, f"{pool}-other")
        expect(renamed.get_by_role("link", name=re.compile("#"))).to_be_visible(timeout=CHANGE_MILLISECONDS)
        expect(pgs(tab, f"{pool}-other")).to_have_text("8 → 32")
    finally:
        cluster.command("osd pool rename", srcpool=f"{pool}-other", destpool=pool)
