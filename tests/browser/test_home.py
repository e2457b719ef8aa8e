"""Home: what is going on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import create, create_waiting, open_dialog, sign_in, submit, submit_finished


def region(tab, name):
    return tab.page.get_by_role("region", name=name)


def test_where_nothing_has_ever_been_home_says_how_to_begin(own_tab):
    sign_in(own_tab)

    expect(region(own_tab, "How to begin")).to_contain_text("curl")
    expect(own_tab.page.get_by_role("button", name="Start a task").first).to_be_visible()


def test_pending_tasks_are_shown_with_their_bars_live(tab):
    sign_in(tab)
    create(tab, 50)
    pending = region(tab, "Pending tasks")
    expect(pending.get_by_role("link", name="Test task of 50 rounds")).to_be_visible()
    expect(pending.get_by_role("progressbar")).to_have_attribute("value", re.compile("[1-9]"))
    expect(pending).to_contain_text("Running")


def test_failures_are_shown_until_they_were_looked_at(tab):
    sign_in(tab)
    submit(tab, "fails")
    failures = region(tab, "Failures not yet looked at")
    expect(failures).to_contain_text("Failed in round")
    expect(open_dialog(tab, "Failed").locator("tbody tr")).to_have_count(1)
    tab.page.keyboard.press("Escape")

    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(failures).to_have_count(0)


def test_the_workers_are_shown_with_what_they_do(tab):
    sign_in(tab)
    task = create_waiting(tab)
    workers = region(tab, "Workers")
    busy = workers.get_by_role("row").filter(has_text=f"#{task}")

    expect(busy).to_contain_text("busy")
    expect(busy).to_contain_text("MiB")
    assert {str(pid) for pid in tab.service.workers()} <= set(re.findall(r"\d+", workers.inner_text()))


@pytest.mark.slow
def test_the_last_hour_is_drawn_and_told_as_a_table(own_tab):
    sign_in(own_tab)
    submit_finished(own_tab, 1, 2, 3)
    submit(own_tab, "fails")
    throughput = region(own_tab, "Throughput")
    expect(throughput).to_contain_text(re.compile("4 .*ended|4 tasks"), timeout=15_000)
    expect(throughput.locator("canvas")).to_be_visible()
    throughput.get_by_text("As a table").click()

    expect(throughput.get_by_role("table")).to_be_visible()


@pytest.mark.slow
def test_the_focus_returns_to_the_task_that_was_opened_from_home(tab):
    sign_in(tab)
    create_waiting(tab)
    link = region(tab, "Pending tasks").get_by_role("link", name=re.compile("Waiting in round"))
    link.click()
    expect(tab.page.get_by_role("heading", name=re.compile("Waiting in round"))).to_be_focused()
    tab.page.go_back()

    expect(link).to_be_focused()


def test_what_is_wrong_with_the_service_is_said_in_its_words(tab):
    problem = "The last attempt to store something failed: the disk is full."
    answer = {"status": "degraded", "version": "0", "uptime_seconds": 1, "problems": [problem]}
    tab.page.route("**/openattic/health", lambda route: route.fulfill(json=answer))
    sign_in(tab)

    expect(tab.page.get_by_role("status").filter(has_text=problem)).to_be_visible()


def test_a_tile_opens_its_tab(tab):
    sign_in(tab)
    submit_finished(tab, 1)
    tab.page.get_by_role("navigation", name="Tasks by state").get_by_role("link", name=re.compile("Finished")).click()
    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")

    expect(dialog.locator("tbody .task-name")).to_have_text(["Counting to 1"])
