"""Toasts, the browser's tab, and what is read out."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.steps import call, create, create_waiting, open_dialog, sign_in, submit, submit_finished


def toasts(scope, text):
    return scope.locator(".toast-card").filter(has_text=text)


def test_tasks_that_end_are_told_by_status_and_at_most_two_cards_are_shown(tab):
    sign_in(tab)
    waits = create_waiting(tab)
    call(tab, "GET", "taskqueue?pageSize=1")
    submit(tab, "fails")
    expect(toasts(tab.page, "failed")).to_have_attribute("role", "alert")
    call(tab, "DELETE", f"taskqueue/{waits}?force=true")
    expect(toasts(tab.page, "was aborted")).to_have_attribute("role", "alert")
    submit_finished(tab, 1, 2, 3)

    expect(toasts(tab.page, "3 tasks finished")).to_have_attribute("role", "status")
    expect(toasts(tab.page, "3 tasks finished")).to_contain_text("(+1 more)")
    expect(tab.page.locator(".toast-card")).to_have_count(2)
    expect(tab.page.get_by_text("+1 more", exact=True)).to_be_visible()


def test_a_success_goes_by_itself_and_a_failure_stays_until_it_is_closed(fresh_tab):
    fresh_tab.page.clock.install()
    sign_in(fresh_tab)
    submit(fresh_tab, "fails")
    submit_finished(fresh_tab, 1)
    expect(toasts(fresh_tab.page, "finished")).to_be_visible()
    fresh_tab.page.clock.run_for(10_000)

    expect(toasts(fresh_tab.page, "finished")).to_have_count(0)
    expect(toasts(fresh_tab.page, "failed")).to_be_visible()
    fresh_tab.page.get_by_role("button", name="Close message").click()
    expect(fresh_tab.page.locator(".toast-card")).to_have_count(0)


def test_toasts_are_inside_the_dialog_while_one_is_open(tab):
    sign_in(tab)
    dialog = open_dialog(tab)
    create(tab, 1)

    expect(toasts(dialog, "Test task of 1 round finished")).to_be_visible()


def test_a_live_region_sums_up_what_ended(tab):
    sign_in(tab)
    submit_finished(tab, 1, 2)
    submit(tab, "fails")

    expect(tab.page.locator("[aria-live=polite]").filter(has_text="2 tasks finished, 1 failed")).to_be_attached()


def test_title_and_icon_of_the_browsers_tab_show_pending_and_failed(tab):
    sign_in(tab)
    expect(tab.page).to_have_title("Hourglass")
    create_waiting(tab)
    expect(tab.page).to_have_title("(1) Hourglass")
    submit(tab, "fails")
    expect(tab.page).to_have_title("(1, 1 failed) Hourglass")
    expect(tab.page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:image/svg"))
    open_dialog(tab, "Failed")
    expect(tab.page).to_have_title("(1) Background-Tasks · Hourglass")


def test_desktop_notifications_tell_ones_own_tasks_while_one_looks_elsewhere(tab):
    tab.page.add_init_script(
        """window.shown = [];
        window.Notification = class {
          constructor(title, options) { window.shown.push([title, options.body]); }
          close() {}
        };
        window.Notification.permission = "granted";
        window.Notification.requestPermission = async () => "granted";
        document.hasFocus = () => false;"""
    )
    sign_in(tab)
    tab.page.get_by_role("button", name="Settings").click()
    tab.page.get_by_label("When one of my tasks has ended").check()
    submit_finished(tab, 5)

    tab.page.wait_for_function("() => window.shown.length === 1")
    assert tab.page.evaluate("() => window.shown[0][0]") == "Counting to 5 finished"
