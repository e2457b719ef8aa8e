"""What people see and do with a real cluster: pools, images, and what comes of them, in Chromium."""

from __future__ import annotations

import csv
import itertools
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import empty
from tests.browser.steps import call, open_dialog, sign_in
from tests.browser.test_accessibility import findings
from tests.support.ceph_service import options_for
from tests.support.image_load import written_to
from tests.support.service import Service

LAYERING = 1
"""The only feature of images that a load may leave without an answer: no lock stays behind."""
CHANGE_MILLISECONDS = 90_000
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def service(shared_service):
    """The one that `tab` shows."""
    return shared_service


@pytest.fixture
def quick(cluster):
    """Changes of pg_num go in two steps: PGs are split, then all of them are placed."""
    with cluster.configured("mgr.x", "target_max_misplaced_ratio", "1"):
        yield


@pytest.fixture
def image(cluster, new_pool):
    """An image with some data in a pool of its own: `(pool, name)`."""
    pool = new_pool()
    cluster.create_image(pool, "disk", size_bytes=1 << 30, data_mb=20, features=LAYERING)
    return pool, "disk"


def view(tab, name):
    tab.page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()
    expect(tab.page.get_by_role("heading", name=name, level=1)).to_be_visible()


def row(tab, name):
    """Of a pool or an image."""
    cell = tab.page.locator(".cell-name", has_text=re.compile(f"^{re.escape(name)}$"))
    return tab.page.locator("main tbody tr").filter(has=cell)


def pgs(tab, pool):
    return row(tab, pool).locator(".pgs-number")


def open_pgs_form(tab, pool):
    tab.page.get_by_role("button", name=f"Set number of PGs of pool {pool}").click()
    form = tab.page.get_by_role("dialog", name=f"Number of PGs of pool {pool}")
    expect(form.get_by_label("Number of PGs")).to_be_focused()
    return form


def within(text):
    """A pattern of this text for names of elements: there a slash would end it."""
    return re.escape(text).replace("/", r"\/")


def pool_id(tab, fsid, name):
    (pool,) = call(tab, "GET", f"ceph/{fsid}/pools?search={name}")["results"]
    return pool["id"]


# Pools.


def set_to_64_by_form(tab, pool):
    """Leads to a pool of 8 PGs with data, of which a task begins to make 64; returns its bar in the list."""
    sign_in(tab)
    view(tab, "Pools")
    expect(pgs(tab, pool)).to_have_text("8")
    form = open_pgs_form(tab, pool)
    meaning = form.get_by_role("status", name="What it means")
    form.get_by_label("Number of PGs").fill("12")
    expect(meaning).to_contain_text("12 is not a power of two")
    form.get_by_role("button", name="64", exact=True).click()
    expect(meaning).to_contain_text("8 → 64")
    expect(meaning).to_contain_text(re.compile(r"Moves at most [\d.]+ MiB"))
    expect(meaning).to_contain_text("can be set back")
    expect(meaning).not_to_contain_text("power of two")
    assert findings(tab) == []
    form.get_by_role("button", name="Set to 64 PGs").click()

    expect(form).to_have_count(0)
    expect(tab.page.get_by_role("button", name=f"Set number of PGs of pool {pool}")).to_be_focused()
    expect(pgs(tab, pool)).to_have_text("8 → 64")
    bar = row(tab, pool).get_by_role("progressbar", name=f"PGs of pool {pool}")
    expect(bar).to_have_attribute("value", re.compile(r"[1-9]"))
    expect(row(tab, pool).get_by_role("link", name=re.compile("#"))).to_be_visible()
    expect(row(tab, pool)).to_contain_text("Running")
    expect(tab.page.get_by_role("button", name="1 Background-Task")).to_be_visible()
    return bar


def test_a_pool_of_8_pgs_is_on_its_way_to_64(new_pool, tab):
    set_to_64_by_form(tab, new_pool(pg_num=8, megabytes=10))
    empty(tab.service)  # an aborted one would hide in the bar at the top what runs


@pytest.mark.slow
def test_the_way_from_8_to_64_pgs(cluster, new_pool, quick, tab):
    pool = new_pool(pg_num=8, megabytes=10)
    bar = set_to_64_by_form(tab, pool)

    expect(pgs(tab, pool)).to_have_text("64", timeout=CHANGE_MILLISECONDS)
    expect(bar).to_have_count(0)
    dialog = open_dialog(tab, "Finished")
    expect(
        dialog.get_by_role("link", name=re.compile(f"^Setting number of PGs of pool {pool} to 64 #"))
    ).to_be_visible()
    assert cluster.is_settled(pool)


def test_what_is_impossible_cannot_be_sent_and_says_why(new_pool, tab):
    pool = new_pool()
    sign_in(tab, address="?view=pools")
    form = open_pgs_form(tab, pool)
    for typed, words in (
        ("70000", "A pool can have 1 to 65536 PGs"),
        ("8", "already set to this number"),
        ("many", "Type a number"),
    ):
        form.get_by_label("Number of PGs").fill(typed)
        expect(form.get_by_role("status", name="What it means")).to_contain_text(words)
        expect(form.get_by_role("button", name=re.compile("^Set"))).to_have_attribute("aria-disabled", "true")
    form.get_by_label("Number of PGs").press("Enter")
    expect(form).to_be_visible()
    tab.page.keyboard.press("Escape")

    expect(form).to_have_count(0)
    expect(pgs(tab, pool)).to_have_text("8")


@pytest.mark.slow
def test_a_refusal_of_the_server_is_quoted(cluster, new_pool, tab):
    taken = new_pool()
    tab.forgive("400", "409")
    sign_in(tab, address="?view=pools&view.form=create")
    form = tab.page.get_by_role("dialog", name="Create pool")
    form.get_by_label("Name").fill("not a name")
    form.get_by_label("Number of PGs").fill("many")
    form.get_by_role("button", name="Create pool").click()
    expect(form.get_by_text(re.compile("expected .*letters"))).to_be_visible()
    expect(form.get_by_text(re.compile('expected .*number.*"many"'))).to_be_visible()
    expect(form.get_by_label("Name")).to_be_focused()
    form.get_by_label("Name").fill(taken)
    form.get_by_label("Number of PGs").fill("8")
    form.get_by_role("button", name="Create pool").click()

    expect(form.get_by_text(f"There is already a pool {taken}")).to_be_visible()
    assert [pool["pool_name"] for pool in cluster.pools()].count(taken) == 1


@pytest.fixture
def pool_to_create(cluster):
    """The name of a pool that a test creates."""
    name = f"made-in-the-browser-{next(NUMBERS)}"
    yield name
    cluster.delete_pool(name)


def create_by_form(tab, name):
    sign_in(tab, address="?view=pools")
    tab.page.get_by_role("button", name="Create pool").click()
    form = tab.page.get_by_role("dialog", name="Create pool")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Number of PGs").fill("16")
    form.get_by_label("Number of PGs").press("Enter")
    expect(form).to_have_count(0)
    expect(pgs(tab, name)).to_have_text("16")
    expect(row(tab, name)).to_contain_text("being created")


def test_a_pool_that_is_created_is_in_the_list_at_once(pool_to_create, tab):
    create_by_form(tab, pool_to_create)


@pytest.mark.slow
def test_a_pool_that_is_created_is_followed_until_it_is_clean(cluster, pool_to_create, tab):
    create_by_form(tab, pool_to_create)
    expect(row(tab, pool_to_create).get_by_role("progressbar")).to_have_count(0, timeout=CHANGE_MILLISECONDS)
    expect(row(tab, pool_to_create).get_by_role("link")).to_have_count(0)
    assert cluster.is_settled(pool_to_create)


@pytest.mark.slow
def test_a_change_made_elsewhere_is_seen_as_one(cluster, new_pool, tab):
    pool = new_pool(pg_num=4, megabytes=30)
    sign_in(tab, address="?view=pools")
    expect(pgs(tab, pool)).to_have_text("4")
    with cluster.stopped("mgr.x"):
        cluster.command("osd pool set", pool=pool, var="pg_num", val="16")
        expect(pgs(tab, pool)).to_have_text("4 → 16", timeout=30_000)
        expect(row(tab, pool)).to_contain_text("not by a task here")

    expect(pgs(tab, pool)).to_have_text("16", timeout=CHANGE_MILLISECONDS)


@pytest.fixture
def sought(cluster):
    """Two pools of 8 and 16 PGs, and what only their names have in common: `(text, first, second)`."""
    names = {"sought-first": 8, "sought-second": 16}
    for name, pg_num in names.items():
        cluster.begin_pool(name, pg_num)
    yield "sought-", *names
    for name in names:
        cluster.delete_pool(name)


@pytest.mark.slow
def test_search_and_order_are_in_the_address_and_a_slash_goes_to_the_search(sought, tab):
    text, first, second = sought
    sign_in(tab, address="?view=pools")
    expect(row(tab, second)).to_be_visible()
    tab.page.keyboard.press("/")
    tab.page.keyboard.type(text)
    tab.page.get_by_role("button", name="PGs", exact=True).click()
    names = tab.page.locator("main .row-name")
    expect(names).to_have_text([second, first])
    expect(tab.page).to_have_url(re.compile(r"view=pools&view\.search=sought-&view\.sort=-pg_num"))
    tab.page.reload()
    expect(names).to_have_text([second, first])
    tab.page.get_by_label("Search").fill("no such pool")
    expect(tab.page.get_by_text("No pool matches “no such pool”.")).to_be_visible()
    tab.page.get_by_role("button", name="Clear the search").click()

    expect(row(tab, first)).to_be_visible()


# Images.


@pytest.mark.slow
def test_the_way_to_performance_data(cluster, image, tab, tmp_path):
    pool, name = image
    path = f"{pool}/{name}"
    sign_in(tab)
    view(tab, "Images")
    expect(row(tab, name)).to_contain_text("not known yet")
    row(tab, name).get_by_role("checkbox", name=f"Select {path}").check()
    tab.page.get_by_role("button", name="Get RBD performance data").click()
    form = tab.page.get_by_role("dialog", name="Get RBD performance data")
    expect(form.get_by_label(f"Image {path}")).to_be_checked()
    form.get_by_label("For how many seconds").fill("8")
    expect(form).to_contain_text("that makes 8 samples")
    with written_to(cluster, pool, [name]):
        form.get_by_role("button", name="Get performance data").click()
        expect(form).to_have_count(0)
        samplings = tab.page.get_by_role("list", name="Tasks that get performance data")
        expect(samplings.get_by_role("link", name=f"Getting RBD performance data of image {path}")).to_be_visible()
        row(tab, name).get_by_role("link", name=f"Curves of {path}").click()
        curves_grow(tab, path)
        expect(tab.page.get_by_text("Finished after")).to_be_visible(timeout=CHANGE_MILLISECONDS)
    result_is_told(tab, path)
    assert_file_holds(tab, path, tmp_path)
    tab.page.go_back()

    measured = row(tab, name)
    expect(measured.get_by_role("img", name=re.compile("Operations per second: from"))).to_be_visible()
    expect(measured).to_contain_text("of 1.0 GiB")
    expect(measured).to_contain_text(re.compile(r"write [\d.]+ m?s"))
    expect(measured).to_contain_text("0/s")
    expect(samplings).to_have_count(0)


def curves_grow(tab, path):
    """The samples that a table shows become more while the task runs."""
    section = performance(tab)
    expect(section.get_by_role("img", name=re.compile(f"Operations per second.*{within(path)}"))).to_be_visible(
        timeout=CHANGE_MILLISECONDS
    )
    expect(section.locator("canvas")).to_be_visible()
    section.get_by_text("As a table").click()
    samples = section.get_by_role("region", name=re.compile("as a table")).locator("tbody tr")
    before = samples.count()
    expect(samples.nth(before)).to_be_visible()


def performance(tab):
    return tab.page.locator(".task-section").filter(has=tab.page.get_by_role("heading", name="Performance", exact=True))


def result_is_told(tab, path):
    """As figures for those who do not see curves, and of another measure once that is chosen."""
    section = performance(tab)
    table = section.get_by_role("region", name="Operations per second of all images")
    figures = table.get_by_role("row", name=re.compile(within(path)))
    expect(figures).to_contain_text(re.compile(r"MiB of 1\.0 GiB"))
    expect(figures.get_by_role("cell").last).to_have_text(re.compile(r"[1-9]"))
    section.get_by_text("Latency", exact=True).click()
    section.get_by_text("Writes", exact=True).first.click()
    latencies = section.get_by_role("region", name="Latency per operation of all images")
    expect(latencies.get_by_role("row", name=re.compile(within(path))).get_by_role("cell").last).to_have_text(
        re.compile("s$")
    )
    expect(tab.page).to_have_url(re.compile("measure=latency&side=writes"))


def assert_file_holds(tab, path, directory):
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Download CSV").click()
    file = directory / "data.csv"
    download.value.save_as(file)
    lines = list(csv.DictReader(file.read_text().splitlines()))
    assert re.fullmatch(r"rbd-performance-\d+\.csv", download.value.suggested_filename)
    assert {line["image"] for line in lines} == {path}
    assert len(lines) == 8
    assert max(float(line["write_ops"]) for line in lines) > 0


@pytest.mark.slow
def test_a_measure_is_chosen_by_keyboard_and_an_image_by_its_box(cluster, image, new_pool, tab):
    pool, name = image
    cluster.create_image(pool, "idle", features=LAYERING)
    sign_in(tab)
    fsid = cluster.fsid
    with written_to(cluster, pool, [name]):
        given = {"pools": [pool], "seconds": 1}
        task = call(tab, "POST", f"ceph/{fsid}/rbds/performance", given)["id"]
        assert call(tab, "GET", f"taskqueue/{task}?wait=60")["status"] == "Finished"
    tab.page.goto(f"{tab.service.address}?task={task}")
    section = performance(tab)
    busy, idle = (section.get_by_role("checkbox", name=f"Draw {pool}/{one}") for one in (name, "idle"))
    expect(busy).to_be_checked()
    expect(idle).not_to_be_checked()
    idle.check()
    expect(section.get_by_role("img", name=re.compile(within(f"of {pool}/disk, {pool}/idle")))).to_be_visible()
    section.get_by_role("radio", name="Operations").focus()
    tab.page.keyboard.press("ArrowRight")

    expect(section.get_by_role("radio", name="Bytes")).to_be_checked()
    expect(section.get_by_role("region", name="Bytes per second of all images")).to_be_visible()
    assert findings(tab) == []


# What does not answer, and who may only look.


def assert_silence_is_told(tab, pool):
    trouble = tab.page.get_by_role("alert").filter(has_text="Cluster main cannot be reached")
    expect(trouble).to_contain_text(re.compile("no mon answered", re.IGNORECASE), timeout=30_000)
    expect(trouble).to_contain_text("The data shown was read at")
    expect(pgs(tab, pool)).to_have_text("8")
    return trouble


@pytest.mark.slow
def test_a_cluster_that_hangs_is_reported_and_the_last_data_stays(cluster, still, tab):
    sign_in(tab, address="?view=pools")
    expect(pgs(tab, still)).to_have_text("8")
    with cluster.stopped("mon.a"):
        assert_silence_is_told(tab, still)


@pytest.mark.slow
def test_a_page_that_is_opened_while_a_cluster_hangs_shows_what_was_read_and_later_what_there_is(cluster, still, tab):
    pool = still
    sign_in(tab, address="?view=pools")
    expect(pgs(tab, pool)).to_have_text("8")
    with cluster.stopped("mon.a"):
        trouble = assert_silence_is_told(tab, pool)
        tab.page.reload()
        expect(trouble).to_be_visible(timeout=30_000)
        expect(pgs(tab, pool)).to_have_text("8")
        axe_finds_nothing(tab)

    expect(trouble).to_have_count(0, timeout=30_000)
    expect(pgs(tab, pool)).to_have_text("8")


@pytest.mark.slow
def test_another_cluster_can_be_chosen_even_if_the_first_is_missing(browser, cluster, new_pool, tmp_path):
    pool = new_pool()
    lost = ["--set", 'ceph "lost".conf=/nonexistent/ceph.conf']
    service = Service(tmp_path).start(*lost, *options_for({"there": cluster.conf}))
    page = browser.new_page()
    try:
        page.goto(f"{service.address}?view=pools")
        tab = type("Tab", (), {"page": page, "service": service})
        sign_in(tab, address="?view=pools")
        expect(page.get_by_role("alert").filter(has_text="Cluster lost cannot be reached")).to_be_visible()
        page.get_by_label("Cluster").select_option("there")
        expect(pgs(tab, pool)).to_have_text("8")
        expect(page.get_by_role("alert")).to_have_count(0)
        page.reload()
        expect(pgs(tab, pool)).to_have_text("8")
    finally:
        page.close()
        service.close()


def test_a_viewer_looks_and_changes_nothing(image, tab):
    pool, name = image
    tab.service.user("add", "eve", "--role", "viewer", given="a long password\n")
    sign_in(tab, name="eve", password="a long password", address="?view=pools&view.form=create")
    expect(pgs(tab, pool)).to_have_text("8")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(tab.page.get_by_role("button", name=re.compile("Create pool|Set number"))).to_have_count(0)
    view(tab, "Images")
    expect(row(tab, name)).to_be_visible()

    expect(tab.page.get_by_role("checkbox")).to_have_count(0)
    expect(tab.page.get_by_role("button", name="Get RBD performance data")).to_have_count(0)


# For everybody.


def axe_finds_nothing(tab):
    for width, height in ((1280, 800), (390, 844)):
        tab.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            assert findings(tab) == [], (theme, width)
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
    tab.page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.slow
def test_axe_finds_nothing_serious_in_pools_their_changes_and_their_forms(cluster, new_pool, tab):
    pool = new_pool(pg_num=8)
    sign_in(tab)
    fsid = cluster.fsid
    with cluster.stopped("mgr.x"):
        call(tab, "PUT", f"ceph/{fsid}/pools/{pool_id(tab, fsid, pool)}", {"pg_num": 16})
        tab.page.goto(f"{tab.service.address}?view=pools")
        expect(pgs(tab, pool)).to_have_text("8 → 16")
        axe_finds_nothing(tab)
        form = open_pgs_form(tab, pool)
        form.get_by_label("Number of PGs").fill("12")
        expect(form).to_contain_text("This would wait for task")
        axe_finds_nothing(tab)
        tab.page.keyboard.press("Escape")
        tab.page.get_by_role("button", name="Create pool").click()
        expect(tab.page.get_by_role("dialog", name="Create pool")).to_be_visible()
        axe_finds_nothing(tab)


@pytest.mark.slow
def test_axe_finds_nothing_serious_in_images_their_form_and_their_curves(cluster, image, tab):
    pool, name = image
    sign_in(tab)
    with written_to(cluster, pool, [name]):
        given = {"images": [f"{pool}/{name}"], "seconds": 3}
        task = call(tab, "POST", f"ceph/{cluster.fsid}/rbds/performance", given)["id"]
        tab.page.goto(f"{tab.service.address}?view=images")
        expect(tab.page.get_by_role("list", name="Tasks that get performance data")).to_be_visible()
        axe_finds_nothing(tab)
        assert call(tab, "GET", f"taskqueue/{task}?wait=60")["status"] == "Finished"
    expect(row(tab, name).get_by_role("img")).to_be_visible()
    axe_finds_nothing(tab)
    tab.page.get_by_role("button", name="Get RBD performance data").click()
    expect(tab.page.get_by_role("dialog").get_by_label("All images of all pools")).to_be_checked()
    axe_finds_nothing(tab)
    tab.page.goto(f"{tab.service.address}?task={task}")
    expect(performance(tab).locator("canvas")).to_be_visible()
    axe_finds_nothing(tab)
