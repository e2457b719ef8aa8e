"""What people need who read with their ears or by keyboard, whose clock is wrong, or who live in another zone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import opened
from tests.browser.steps import call, open_dialog, row, sign_in, submit_finished, submit_waiting


def region(tab, name):
    return tab.page.get_by_role("region", name=name)


def test_on_home_rows_stand_still_while_the_focus_is_in_them(tab):
    sign_in(tab)
    first, second = submit_waiting(tab, 1, 2)
    pending = region(tab, "Pending tasks")
    pending.get_by_role("link", name=f"#{first}").focus()
    call(tab, "DELETE", f"taskqueue/{second}")
    submit_waiting(tab, 3)
    paused = pending.get_by_role("button", name="Updates paused · 1 new")
    expect(paused).to_be_visible()
    expect(pending.get_by_role("listitem")).to_contain_text(["Aborted", "of 1 round"])
    paused.focus()
    tab.page.keyboard.press("Enter")
    expect(paused).to_have_count(0)
    expect(pending.get_by_role("listitem")).to_contain_text(["of 3 rounds", "of 1 round"])
    expect(pending.get_by_role("link", name="of 3 rounds")).to_be_focused()
    submit_waiting(tab, 4)
    expect(paused).to_be_visible()
    tab.page.mouse.move(3, 3)
    tab.page.mouse.move(9, 9)  # the first one comes from nowhere, so that it is no movement
    submit_waiting(tab, 5)

    expect(pending.get_by_role("listitem")).to_contain_text(["of 5 rounds", "of 4 rounds", "of 3 rounds", "of 1 round"])


def test_single_key_shortcuts_can_be_switched_off_for_this_browser(tab):
    sign_in(tab)
    settings = tab.page.get_by_role("dialog", name="Settings")
    tab.page.get_by_role("button", name="Settings").click()
    settings.get_by_label("Single-key shortcuts").uncheck()
    tab.page.reload()
    tab.page.keyboard.press("?")
    tab.page.keyboard.press("/")
    tab.page.get_by_role("button", name="Keys and signs").click()
    expect(tab.page.get_by_role("dialog")).to_have_count(1)
    help_dialog = tab.page.get_by_role("dialog", name="Help")
    expect(help_dialog.get_by_text("(switched off)")).to_have_count(2)
    expect(help_dialog.get_by_text("can be switched off in the settings")).to_be_visible()


def test_a_wrong_clock_of_the_browser_changes_no_time(fresh_tab):
    fresh_tab.page.clock.install(time="2031-02-03T04:05:06Z")
    sign_in(fresh_tab)
    submit_finished(fresh_tab, 1)
    dialog = open_dialog(fresh_tab, "Finished")

    expect(dialog.locator("tbody time")).to_have_text([re.compile("just now|seconds ago")] * 2)


def test_a_search_that_the_server_refuses_is_explained_at_its_field(tab):
    sign_in(tab)
    submit_waiting(tab, 1)
    dialog = open_dialog(tab)
    field = dialog.get_by_label("Search")
    field.fill(" ".join(f"w{number}" for number in range(1, 22)))
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("20 different words"))
    expect(dialog.get_by_text("20 different words")).to_be_visible()
    asked = len([url for url in tab.asked if "search=w1" in url])
    for more in range(2, 6):
        submit_waiting(tab, more)
        expect(dialog.get_by_role("tab", name=f"Pending ({more})")).to_be_visible()
    assert len([url for url in tab.asked if "search=w1" in url]) == asked
    field.fill("round")
    expect(row(dialog, "of 1 round")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "false")
    tab.forgive("400")


def start_at(tab, moment):
    form = tab.page.get_by_role("dialog", name="Start a task")
    form.get_by_label("Times").fill("3")
    if not form.get_by_label("Earliest start").is_visible():
        form.get_by_text("When and how soon").click()
    form.get_by_label("Earliest start").fill(moment)
    return form


@pytest.mark.slow
def test_an_earliest_start_in_an_hour_that_comes_twice_is_shown_with_its_offset(browser, service):
    with opened(browser, service, timezone_id="Europe/Berlin") as tab:
        sign_in(tab, address="?start=test_task")
        form = start_at(tab, "2098-10-26T02:30")
        expect(form.get_by_text(re.compile(r"02:30:00, UTC\+02:00, the first of two"))).to_be_visible()
        form.get_by_label("The second of the two, UTC+01:00").check()
        expect(form.get_by_text(re.compile(r"02:30:00, UTC\+01:00, the second of two"))).to_be_visible()
        start_at(tab, "2098-03-30T02:30")
        expect(form.get_by_text(re.compile(r"03:30:00, UTC\+02:00: the clocks go forward"))).to_be_visible()
        form.get_by_role("button", name="Start task").click()
        expect(row(tab.page, "of 3 rounds")).to_be_visible()

        assert call(tab, "GET", "taskqueue")["results"][0]["not_before"] == "2098-03-30T01:30:00.000Z"


def test_a_page_that_is_set_to_utc_reads_and_writes_in_utc(browser, service):
    with opened(browser, service, timezone_id="Asia/Kolkata") as tab:
        sign_in(tab)
        tab.page.get_by_role("button", name="Settings").click()
        tab.page.get_by_label("UTC").check()
        tab.page.goto(f"{tab.service.address}?start=test_task")
        form = start_at(tab, "2098-10-26T02:30")
        expect(form.get_by_text("In UTC, like all times on this page")).to_be_visible()
        expect(form.get_by_text(re.compile("02:30:00 UTC"))).to_be_visible()
        form.get_by_role("button", name="Start task").click()
        expect(row(tab.page, "of 3 rounds")).to_contain_text("02:30 UTC")

        assert call(tab, "GET", "taskqueue")["results"][0]["not_before"] == "2098-10-26T02:30:00.000Z"
