"""What people see of a real cluster that is not well, or whose names nobody would choose, in Chromium."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.steps import call, sign_in
from tests.browser.test_accessibility import findings
from tests.ceph.test_browser import view
from tests.ceph.test_choices import create_own_pool
from tests.ceph.test_listing import header, inactive, rados, rbd
from tests.support.cluster import wait_until

ODD_POOL = "we/ird %"


@pytest.fixture(scope="module")
def service(shared_service):
    """The one that `tab` shows."""
    return shared_service


@pytest.fixture(scope="module")
def odd_pool(cluster):
    """Of two applications, and with names that nobody would choose."""
    cluster.create_pool(ODD_POOL, 8)
    cluster.command("osd pool application enable", pool=ODD_POOL, app="cephfs", yes_i_really_mean_it=True)
    yield ODD_POOL
    cluster.delete_pool(ODD_POOL)


@pytest.fixture(scope="module")
def own_pool(cluster):
    """One of the cluster's own, by its name."""
    create_own_pool(cluster, ".of-ceph")
    yield ".of-ceph"
    cluster.delete_pool(".of-ceph")


def row(tab, name):
    return tab.page.locator("main tbody tr").filter(has=tab.page.get_by_text(name, exact=True))


def field(form, name):
    return form.get_by_role("combobox", name=re.compile(rf"^{re.escape(name)}"))


def choose(form, name, text):
    field(form, name).click()
    field(form, name).press_sequentially(text)
    form.get_by_role("listbox", name="Choices").get_by_role("option").filter(has_text=text).first.click()


@pytest.mark.slow
def test_a_sick_pool_and_a_damaged_image_are_listed_beside_all_that_can_be_read(cluster, new_pool, tab):
    sick, well = new_pool(), new_pool()
    cluster.create_images(sick, ["hidden"])
    for name in ("disk", "damaged"):
        cluster.create_image(well, name, size_bytes=1 << 20)
    rbd(cluster, "namespace", "create", f"{well}/team")
    rbd(cluster, "create", f"{well}/team/disk", "--size", "1")
    rados(cluster, well, "rm", header(cluster, well, "damaged"))
    with inactive(cluster, sick):
        sign_in(tab, address="?view=images")
        missing = tab.page.get_by_role("region", name="1 pool cannot be read: its images may be missing here")

        expect(missing.get_by_text(sick, exact=True)).to_be_visible()
        expect(missing.get_by_text("inactive", exact=True)).to_be_visible()
        why = re.compile("8 of 8 PGs are inactive|3 of the 5 copies that must be up")  # if the manager is slow
        expect(missing.get_by_text(why)).to_be_visible()
        expect(missing.get_by_text("ceph health detail")).to_be_visible()
        expect(row(tab, "damaged")).to_contain_text(re.compile(r"Cannot be read: .*\(errno 2, ENOENT\)"))
        expect(row(tab, "damaged").locator(".cell-used")).to_have_text("–")
        expect(row(tab, "disk").filter(has_text="namespace team")).to_have_count(1)
        expect(tab.page.get_by_role("alert")).to_have_count(0)
        assert findings(tab) == []


@pytest.mark.slow
def test_pools_tell_all_applications_and_which_are_the_clusters_own_and_forms_offer_no_such(
    cluster, odd_pool, own_pool, tab
):
    sign_in(tab, address="?view=pools")
    expect(row(tab, ODD_POOL)).to_contain_text(re.compile("cephfs, rbd|rbd, cephfs"))
    expect(row(tab, own_pool).get_by_text("internal", exact=True)).to_be_visible()
    view(tab, "Images")
    tab.page.get_by_role("button", name="Get RBD performance data").click()
    offered = tab.page.get_by_role("dialog").get_by_label("Pool", exact=True).get_by_role("option")
    expect(offered.filter(has_text=ODD_POOL)).to_have_count(1)

    assert own_pool not in offered.all_inner_texts()


@pytest.mark.slow
def test_a_task_on_a_pool_is_started_by_names_alone(cluster, new_pool, own_pool, tab):
    pool = new_pool()
    sign_in(tab, address="?start=pool_pgs")
    form = tab.page.get_by_role("dialog", name="Start a task")
    choose(form, "Cluster", "main")
    expect(field(form, "Cluster")).to_have_value("main")
    field(form, "Pool").fill("of-ceph")
    expect(form.get_by_text("Nothing matches").last).to_be_attached()
    field(form, "Pool").fill("")
    choose(form, "Pool", pool)
    form.get_by_label("Pg num").fill("16")
    assert "^" not in form.inner_text()
    form.get_by_role("button", name="Start task").click()
    expect(form).to_have_count(0)

    task = call(tab, "GET", "taskqueue?ordering=-id&pageSize=1")["results"][0]
    (watched,) = call(tab, "GET", "ceph")["results"]
    assert (task["params"]["fsid"], task["description"]) == (
        watched["fsid"],
        f"Setting number of PGs of pool {pool} to 16",
    )


@pytest.mark.slow
def test_images_of_odd_names_are_chosen_measured_and_shown_as_people_know_them(cluster, odd_pool, tab):
    names = ["a/b", "100 %", "של" * 20, "y" * 200]
    for name in names:
        cluster.create_image(odd_pool, name, size_bytes=1 << 20)
    sign_in(tab)
    # What was listed a moment before may still be cached, and an open field does not ask again.
    listed = f"ceph/{cluster.fsid}/rbds?search={quote(ODD_POOL)}"
    wait_until(lambda: call(tab, "GET", listed)["count"] == len(names))
    tab.page.goto(f"{tab.service.address}?start=rbd_performance")
    form = tab.page.get_by_role("dialog", name="Start a task")
    choose(form, "Cluster", "main")
    field(form, "Images").click()
    for name in names:
        form.get_by_role("option").filter(has_text=f"{ODD_POOL}/{name}").click()
    chosen = form.get_by_role("list", name="Chosen").get_by_role("listitem")
    expect(chosen).to_have_text([f"{ODD_POOL}/{name}" for name in names])
    form.get_by_label(re.compile("^Seconds")).fill("1")
    form.get_by_role("button", name="Start task").click()
    expect(form).to_have_count(0)
    task = call(tab, "GET", "taskqueue?ordering=-id&pageSize=1")["results"][0]["id"]
    ended = call(tab, "GET", f"taskqueue/{task}?wait=60")
    assert ended["status"] == "Finished", ended["error"]
    assert "we%2Fird %25/a%2Fb" in ended["result"]["images"]

    tab.page.goto(f"{tab.service.address}?task={task}")
    for name in names:
        expect(tab.page.locator(".curve-image").filter(has_text=f"{ODD_POOL}/{name}")).to_have_count(1)
    assert tab.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_what_a_measurement_could_not_read_is_shown_in_the_view_of_its_task(cluster, new_pool, tab):
    pool = new_pool()
    for name in ("disk", "damaged"):
        cluster.create_image(pool, name, size_bytes=1 << 20)
    rados(cluster, pool, "rm", header(cluster, pool, "damaged"))
    sign_in(tab)
    (watched,) = call(tab, "GET", "ceph")["results"]
    wanted = {"pools": [pool], "seconds": 1}
    task = call(tab, "POST", f"ceph/{watched['fsid']}/rbds/performance", wanted)["id"]
    call(tab, "GET", f"taskqueue/{task}?wait=60")
    tab.page.goto(f"{tab.service.address}?task={task}")
    failed = tab.page.get_by_role("region", name="1 image could not be read")

    expect(failed.get_by_role("listitem")).to_have_text(re.compile(rf"{pool}/damaged .*\(errno 2, ENOENT\)"))
    expect(tab.page.get_by_role("checkbox", name=f"Draw {pool}/disk")).to_be_attached()
    expect(tab.page.get_by_role("checkbox", name=f"Draw {pool}/damaged")).to_have_count(0)
    assert findings(tab) == []
