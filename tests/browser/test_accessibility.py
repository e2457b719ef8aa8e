"""What people need who do not see the page, or use no mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import (
    call,
    create_waiting,
    open_dialog,
    row,
    sign_in,
    submit,
    submit_finished,
    submit_waiting,
)
from tests.support.service import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def findings(tab):
    """What axe-core calls serious or critical, once nothing moves any more."""
    tab.page.mouse.move(0, 0)
    tab.page.evaluate(
        """() => document.getAnimations()
          .filter(({ effect }) => effect.getComputedTiming().iterations !== Infinity).forEach((one) => one.finish())"""
    )
    if not tab.page.evaluate("() => 'axe' in window"):
        tab.page.evaluate(AXE.read_text())
    found = tab.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        (one["id"], node["target"], node.get("failureSummary"))
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def sign_in_page(tab):
    tab.page.goto(tab.service.address)
    tab.page.get_by_role("button", name="Sign in").click()


def home_at_first(tab):
    sign_in(tab)
    expect(tab.page.get_by_role("region", name="How to begin")).to_be_visible()


def home_at_work(tab):
    sign_in(tab)
    submit_finished(tab, 1, 2)
    submit(tab, "fails")
    create_waiting(tab)
    submit_waiting(tab, 1, 2)
    expect(tab.page.get_by_role("region", name="Failures not yet looked at")).to_be_visible()
    expect(tab.page.locator("canvas").first).to_be_visible(timeout=15_000)


def pending(tab):
    home_at_work(tab)
    dialog = open_dialog(tab)
    row(dialog, "of 1 round").get_by_role("checkbox").check()


def failed(tab):
    home_at_work(tab)
    expect(open_dialog(tab, "Failed").get_by_role("row")).to_have_count(2)


def finished(tab):
    home_at_work(tab)
    expect(open_dialog(tab, "Finished").get_by_role("row")).to_have_count(3)


def nothing_found(tab):
    sign_in(tab)
    dialog = open_dialog(tab)
    dialog.get_by_label("Search").fill("xyz")
    expect(dialog.get_by_text("No pending task matches")).to_be_visible()


def question(tab):
    home_at_work(tab)
    dialog = open_dialog(tab)
    dialog.get_by_label("Select all").check()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(tab.page.get_by_role("dialog", name="Delete 3 tasks")).to_be_visible()


def form(tab):
    sign_in(tab, address="?start=test_task")
    form = tab.page.get_by_role("dialog", name="Start a task")
    form.get_by_role("button", name="Start task").click()
    expect(form.get_by_text(re.compile("expected a whole number")).first).to_be_visible()
    tab.forgive("400")


def task_at_work(tab):
    sign_in(tab)
    task_id = submit(tab, "test_task", times=300)
    tab.page.goto(f"{tab.service.address}?task={task_id}")
    expect(tab.page.get_by_role("heading", name="Test task of 300 rounds")).to_be_visible()
    expect(tab.page.get_by_text("counted to 2").first).to_be_visible()


def task_that_failed(tab):
    sign_in(tab)
    task_id = submit(tab, "fails")
    call(tab, "GET", f"taskqueue/{task_id}?wait=60")
    tab.page.goto(f"{tab.service.address}?tab=failed&task={task_id}")
    expect(tab.page.get_by_text("Traceback").first).to_be_visible()


def help_on_top(tab):
    sign_in(tab)
    tab.page.keyboard.press("?")
    expect(tab.page.get_by_role("dialog", name="Help")).to_be_visible()


def settings(tab):
    sign_in(tab)
    tab.page.get_by_role("button", name="Settings").click()
    expect(tab.page.get_by_role("dialog", name="Settings")).to_be_visible()


VIEWS = [sign_in_page, home_at_work, pending, form, task_that_failed]
MORE_VIEWS = [
    pytest.param(view, marks=pytest.mark.slow)
    for view in (home_at_first, failed, finished, nothing_found, question, task_at_work, help_on_top, settings)
]


@pytest.mark.parametrize("view", [*VIEWS, *MORE_VIEWS], ids=lambda view: view.__name__)
def test_axe_finds_nothing_serious_in_light_dark_wide_and_narrow(tab, view):
    view(tab)
    for width, height in ((1280, 800), (390, 844)):
        tab.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            assert findings(tab) == [], (theme, width)


def test_nothing_is_wider_than_a_phone(tab):
    tab.page.set_viewport_size({"width": 360, "height": 740})
    for view in (home_at_work, task_that_failed, help_on_top):
        tab.page.goto("about:blank")  # else the page goes on asking, and is refused
        tab.page.context.clear_cookies()
        view(tab)
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= 360, view.__name__


# By keyboard alone.


def test_the_whole_way_goes_by_keyboard(tab):
    sign_in(tab)
    for times in (1, 2, 3):  # each ends before the next begins: the list is in the order of their ends
        submit_finished(tab, times)
    press = tab.page.keyboard.press
    press("/")
    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")
    expect(dialog.get_by_label("Search")).to_be_focused()
    dialog.get_by_role("tab", name=re.compile("Pending")).focus()
    press("ArrowRight")
    press("ArrowRight")
    expect(dialog.get_by_role("tab", name="Finished (3)")).to_be_focused()
    expect(dialog.get_by_role("row")).to_have_count(4)
    press("/")
    tab.page.keyboard.type("counting")
    expect(dialog.get_by_role("row")).to_have_count(4)
    press("Escape")
    expect(dialog.get_by_label("Search")).to_have_value("")
    dialog.get_by_role("link", name="Counting to 3").focus()
    press("ArrowDown")
    expect(dialog.get_by_role("link", name="Counting to 2")).to_be_focused()
    press(" ")
    expect(row(dialog, "Counting to 2").get_by_role("checkbox")).to_be_checked()
    press("Enter")
    expect(tab.page.get_by_role("heading", name="Counting to 2")).to_be_focused()
    tab.page.wait_for_load_state("networkidle")  # its rounds are there before it is deleted
    press("Escape")
    expect(dialog.get_by_role("link", name="Counting to 2")).to_be_focused()
    press("Delete")
    confirm = tab.page.get_by_role("dialog", name="Delete task")
    expect(confirm.get_by_role("button", name="Keep task")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(dialog.get_by_role("tab", name="Finished (2)")).to_be_visible()
    expect(confirm).to_have_count(0)  # until then Escape is for it
    press("Escape")
    expect(dialog).to_have_count(0)


def test_help_opens_over_whatever_is_open_and_gives_the_focus_back(tab):
    sign_in(tab)
    dialog = open_dialog(tab)
    tab.page.keyboard.press("?")
    expect(tab.page.get_by_role("dialog", name="Help")).to_be_visible()
    tab.page.keyboard.press("Escape")

    expect(tab.page.get_by_role("dialog", name="Help")).to_have_count(0)
    expect(dialog.get_by_role("tab", name=re.compile("Pending"))).to_be_focused()


def test_the_focus_returns_to_the_button_that_opened_the_dialog(tab):
    sign_in(tab)
    open_dialog(tab)
    tab.page.keyboard.press("Escape")

    expect(tab.page.get_by_role("button", name="Background-Tasks")).to_be_focused()


# Times.


def test_times_are_relative_with_the_exact_one_on_hover_in_the_zone_that_was_chosen(tab):
    sign_in(tab)
    (task_id,) = submit_finished(tab, 1)
    ended = call(tab, "GET", f"taskqueue/{task_id}")["ended"]
    dialog = open_dialog(tab, "Finished")
    time = dialog.locator("tbody time").last
    expect(time).to_have_text(re.compile("just now|seconds ago"))
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Settings").click()
    tab.page.get_by_label("UTC").check()
    tab.page.keyboard.press("Escape")
    open_dialog(tab, "Finished")

    expect(time).to_have_attribute("title", re.compile(f"{ended[11:19]}.*UTC"))


def test_the_theme_that_was_chosen_holds_after_a_reload(tab):
    sign_in(tab)
    tab.page.get_by_role("button", name="Settings").click()
    tab.page.get_by_label("Dark").check()
    tab.page.reload()

    expect(tab.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
