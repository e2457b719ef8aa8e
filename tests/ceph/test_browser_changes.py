"""Changes that others have begun, as people see and follow them on Home and with the pools, in Chromium."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import opened
from tests.browser.steps import call, sign_in
from tests.browser.test_undisturbed import hide
from tests.ceph.test_browser import axe_finds_nothing, row, view
from tests.support.service import Service

CHANGING_MILLISECONDS = 30_000
ASKED_AGAIN_MILLISECONDS = 5500
ASKED = re.compile(r"/api/ceph/[^/]+/changes")


@pytest.fixture(scope="module")
def service(shared_service):
    """The one that `tab` shows."""
    return shared_service


@pytest.fixture
def changed_elsewhere(cluster, new_pool):
    """A pool that somebody else makes smaller, one PG a second."""
    pool = new_pool(pg_num=24)
    cluster.command("osd pool set", pool=pool, var="pg_num", val="2")
    return pool


def card(tab):
    return tab.page.get_by_role("region", name="Changes begun elsewhere")


def change_of(tab, pool):
    return card(tab).get_by_role("listitem").filter(has_text=f"Pool {pool}")


def follow_button(where, pool):
    return where.get_by_role("button", name=f"Follow pool {pool}")


def abort_task_on(tab, fsid, pool):
    (found,) = call(tab, "GET", f"ceph/{fsid}/pools?search={pool}")["results"]
    call(tab, "DELETE", f"taskqueue/{found['task']}")


@pytest.mark.slow
def test_home_shows_what_others_change_and_one_click_makes_a_task_of_it(cluster, changed_elsewhere, tab):
    pool = changed_elsewhere
    sign_in(tab)
    change = change_of(tab, pool)
    expect(change).to_contain_text(re.compile(r"\d+ → 2 PGs"))
    expect(change).to_contain_text(re.compile(r"PGs \d+ down to 2"))
    bar = change.get_by_role("progressbar", name=f"PGs of pool {pool}")
    first = int(bar.get_attribute("value"))
    expect(tab.page.get_by_text(re.compile("begun elsewhere (is|are) in progress"))).to_be_visible()
    expect(bar).not_to_have_attribute("value", str(first), timeout=CHANGING_MILLISECONDS)
    assert int(bar.get_attribute("value")) > first

    follow_button(change, pool).focus()
    tab.page.keyboard.press("Enter")
    expect(change).to_have_count(0)
    link = tab.page.get_by_role("link", name=re.compile(f"^Setting number of PGs of pool {pool} to 2 #"))
    expect(link).to_be_visible()
    expect(tab.page.get_by_role("heading", level=1)).to_be_focused()
    abort_task_on(tab, cluster.fsid, pool)
    expect(change).to_be_visible()


def test_the_pools_show_how_far_it_is_and_follow_it_as_well(cluster, changed_elsewhere, tab):
    pool = changed_elsewhere
    sign_in(tab, address="?view=pools")
    found = row(tab, pool)
    expect(found.get_by_role("progressbar", name=f"PGs of pool {pool}")).to_have_attribute("value", re.compile(r"\d"))
    expect(found).to_contain_text("not by a task here")
    follow_button(found, pool).click()
    expect(found.get_by_role("link", name=re.compile("#"))).to_be_visible()
    expect(found).not_to_contain_text("not by a task here")
    expect(follow_button(found, pool)).to_have_count(0)
    expect(found.get_by_role("button", name="Set number of PGs")).to_be_focused()
    abort_task_on(tab, cluster.fsid, pool)


@pytest.mark.slow
def test_a_second_request_names_the_task_of_the_first(cluster, changed_elsewhere, tab):
    pool = changed_elsewhere
    tab.forgive("409")
    sign_in(tab)
    expect(follow_button(card(tab), pool)).to_be_visible()
    tab.page.route("**/changes?*", lambda route: route.abort())
    tab.forgive("net::ERR_FAILED")
    (found,) = call(tab, "GET", f"ceph/{cluster.fsid}/pools?search={pool}")["results"]
    call(tab, "POST", f"ceph/{cluster.fsid}/pools/{found['id']}/follow")
    follow_button(card(tab), pool).click()

    expect(tab.page.get_by_role("alert")).to_contain_text("Could not follow the pool: A task already works on pool")
    abort_task_on(tab, cluster.fsid, pool)


@pytest.mark.slow
def test_a_viewer_sees_it_and_has_nothing_to_press(changed_elsewhere, tab):
    tab.service.user("add", "eve", "--role", "viewer", given="a long password\n")
    sign_in(tab, "eve", "a long password")
    expect(change_of(tab, changed_elsewhere)).to_be_visible()

    expect(card(tab).get_by_role("button")).to_have_count(0)


@pytest.mark.slow
def test_axe_finds_nothing_serious_in_changes(changed_elsewhere, tab):
    sign_in(tab)
    expect(follow_button(card(tab), changed_elsewhere)).to_be_visible()
    axe_finds_nothing(tab)
    view(tab, "Pools")
    expect(follow_button(row(tab, changed_elsewhere), changed_elsewhere)).to_be_visible()
    axe_finds_nothing(tab)


def test_clusters_are_asked_only_while_somebody_looks(fresh_tab):
    fresh_tab.page.clock.install()
    with fresh_tab.page.expect_response(ASKED):
        sign_in(fresh_tab)
    with fresh_tab.page.expect_response(ASKED):
        fresh_tab.page.clock.run_for(ASKED_AGAIN_MILLISECONDS)
    hide(fresh_tab, True)
    assert asked_by_the_clock(fresh_tab) == []
    with fresh_tab.page.expect_response(ASKED):
        hide(fresh_tab, False)
    view(fresh_tab, "Images")
    assert [url for url in asked_by_the_clock(fresh_tab) if ASKED.search(url)] == []
    with fresh_tab.page.expect_response(ASKED):
        view(fresh_tab, "Pools")


def test_if_no_cluster_is_configured_none_is_requested_again(browser, tmp_path):
    with closing(Service(tmp_path).start()) as service, opened(browser, service) as tab:
        tab.page.clock.install()
        with tab.page.expect_response(re.compile("/api/ceph$")):
            sign_in(tab)
        expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()

        assert [url for url in asked_by_the_clock(tab) if "/api/ceph" in url] == []


def asked_by_the_clock(tab):
    """What is asked when as much time has gone by for the page as lies between two questions.

    First what has just been answered gets to its end, which is when the next question is planned.
    """
    end = "() => fetch('/openattic/api/jobs').then((answer) => answer.text())"
    tab.page.evaluate(end)
    before = len(tab.asked)
    tab.page.clock.run_for(ASKED_AGAIN_MILLISECONDS)
    tab.page.evaluate(end)
    return [url for url in tab.asked[before:] if "/ceph" in url and "/rbds" not in url]


@pytest.mark.slow
def test_a_silent_cluster_is_a_line_on_home_and_nothing_more(cluster, tab):
    with cluster.stopped("mon.a"):
        sign_in(tab)
        line = tab.page.get_by_text("Cluster main does not answer: its changes are not known.")
        expect(line).to_be_visible(timeout=CHANGING_MILLISECONDS)
        expect(tab.page.get_by_role("alert")).to_have_count(0)
        expect(tab.page.get_by_role("heading", name="All is quiet")).to_be_visible()
    expect(line).to_have_count(0, timeout=CHANGING_MILLISECONDS)
