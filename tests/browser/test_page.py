"""The way of a person through the page, in real Chromium, by role and visible text."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import CREATE_TEST_TASK, create, create_waiting, open_dialog, sign_in, sign_in_by_form
from tests.support.service import PASSWORD


def test_a_person_signs_in_pastes_createtesttask_and_watches_it_finish(tab):
    sign_in_by_form(tab)
    expect(tab.page.get_by_role("button", name="Background-Tasks")).to_be_visible()
    create(tab, 20)
    expect(tab.page.get_by_role("button", name="1 Background-Task")).to_be_visible()
    dialog = open_dialog(tab)

    expect(dialog.get_by_role("tab", name="Pending (1)")).to_have_attribute("aria-selected", "true")
    row = dialog.get_by_role("row", name=re.compile("Test task of 20 rounds"))
    expect(row.get_by_role("progressbar")).to_have_attribute("value", re.compile("[1-9]"))
    expect(row).to_contain_text("Running")
    expect(dialog.get_by_text("Live", exact=True)).to_be_visible()

    expect(dialog.get_by_role("tab", name="Finished (1)")).to_be_visible(timeout=20_000)
    expect(dialog.get_by_text("There are no pending Tasks.")).to_be_visible()
    dialog.get_by_role("tab", name="Finished (1)").click()
    expect(dialog.get_by_role("row", name=re.compile("Test task of 20 rounds"))).to_be_visible()


def test_a_wrong_password_is_said_and_the_page_stays(tab):
    sign_in_by_form(tab, password="wrong")

    expect(tab.page.get_by_text("Unable to log in with provided credentials.")).to_be_visible()
    expect(tab.page.get_by_label("Username")).to_have_value("admin")
    tab.forgive("400")  # Chromium itself reports the answer of a sign-in


def test_a_running_task_is_deleted_with_a_warning_and_nothing_else_is_disturbed(tab):
    sign_in(tab)
    create_waiting(tab)
    create(tab, 30)
    dialog = open_dialog(tab)
    row = dialog.get_by_role("row", name=re.compile("Waiting in round"))
    expect(row).to_contain_text("Running")
    row.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Delete").click()

    confirm = tab.page.get_by_role("dialog").last
    expect(confirm).to_contain_text("You are about to delete Waiting in round 1 of 20 task which is Running")
    expect(confirm).to_contain_text(
        "If you delete running tasks, it will abort the execution and won't roll back what has been done so far!"
    )
    confirm.get_by_role("button", name=re.compile("^Delete")).click()

    expect(dialog.get_by_role("tab", name="Failed (1)")).to_be_visible()
    dialog.get_by_role("tab", name="Failed (1)").click()
    failed = dialog.get_by_role("row", name=re.compile("Waiting in round"))
    expect(failed).to_contain_text("Aborted")
    dialog.get_by_role("tab", name=re.compile("Pending")).click()
    expect(dialog.get_by_role("row", name=re.compile("Test task of 30 rounds"))).to_contain_text("Running")


def test_nothing_selected_means_that_delete_is_disabled(tab):
    sign_in(tab)
    create_waiting(tab)
    dialog = open_dialog(tab)
    button = dialog.get_by_role("button", name="Delete")
    expect(button).to_be_disabled()
    dialog.get_by_label("Select all").check()

    expect(button).to_be_enabled()


def test_an_empty_tab_says_so(tab):
    sign_in(tab)
    dialog = open_dialog(tab)
    for name in ("Pending", "Failed", "Finished"):
        dialog.get_by_role("tab", name=f"{name} (0)").click()
        expect(dialog.get_by_text(f"There are no {name.lower()} Tasks.")).to_be_visible()


@pytest.mark.slow
def test_a_session_outlives_a_restart_and_the_page_comes_back_by_itself(own_tab):
    sign_in(own_tab)
    create_waiting(own_tab)
    dialog = open_dialog(own_tab)
    expect(dialog.get_by_role("row", name=re.compile("Waiting in round"))).to_be_visible()
    port = own_tab.service.base.rpartition(":")[2]
    own_tab.service.kill()
    expect(dialog.get_by_text(re.compile("Reconnecting… data from"))).to_be_visible()
    own_tab.service.start("--set", "test_task.round_seconds=0.1", "--port", port)
    expect(dialog.get_by_text("Live", exact=True)).to_be_visible(timeout=30_000)
    create(own_tab, 2)

    expect(dialog.get_by_role("tab", name="Finished (1)")).to_be_visible(timeout=20_000)
    own_tab.forgive("ERR_CONNECTION")  # Chromium itself reports the lost server
    own_tab.forgive("WebSocket")


def test_text_with_markup_is_shown_as_text(tab):
    sign_in(tab)
    body = {"job": "prints", "params": {"text": "<img src=x onerror=alert(1)>"}}
    assert tab.page.request.post(f"{tab.service.base}/openattic/api/taskqueue", data=body).ok
    dialog = open_dialog(tab)
    dialog.get_by_role("tab", name=re.compile("Finished")).click()

    expect(dialog.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    assert tab.page.locator("dialog img").count() == 0


def test_signing_out_shows_the_form_again(tab):
    sign_in(tab)
    tab.page.get_by_role("button", name="Sign out").click()

    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_two_browsers_see_the_same(tab, browser):
    sign_in(tab)
    dialog = open_dialog(tab)
    other = browser.new_context()
    page = other.new_page()
    page.goto(tab.service.address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Background-Tasks")).to_be_visible()
    page.evaluate(f"() => {{ {CREATE_TEST_TASK}; createTestTask(2); }}")

    expect(dialog.get_by_role("tab", name="Finished (1)")).to_be_visible(timeout=20_000)
    other.close()


def test_a_second_visit_loads_no_module_again(fresh_tab):
    """`transferSize` is 0 only of what comes out of the cache without a question to the server."""
    sizes = """() => performance.getEntriesByType("resource")
        .filter((entry) => entry.name.includes("/static/js-"))
        .map((entry) => [entry.name, entry.transferSize])"""
    sign_in(fresh_tab)
    first = dict(fresh_tab.page.evaluate(sizes))
    fresh_tab.page.goto(fresh_tab.service.address)
    expect(fresh_tab.page.get_by_text("Live", exact=True)).to_be_visible()
    second = dict(fresh_tab.page.evaluate(sizes))

    assert len(first) > 50
    assert all(first.values())
    assert second == dict.fromkeys(first, 0)
