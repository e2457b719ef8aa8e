"""The description of the API, as a person reads it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import sign_in
from tests.support.described import Described


def test_a_person_finds_every_operation_with_an_example(tab):
    sign_in(tab)
    tab.page.get_by_role("link", name="REST API").click()
    expect(tab.page.get_by_role("heading", name="REST API", level=1)).to_be_visible()
    described = Described(tab.page.request.get(f"{tab.service.base}/openattic/api/openapi.json").json())

    assert len(described.operations()) > 15
    for method, path in described.operations():
        article = tab.page.get_by_role("article", name=f"{method.upper()} {path}", exact=True)
        expect(article).to_be_attached()
        expect(article).to_contain_text(path.partition("{")[0])
        expect(article.locator("pre")).to_contain_text("/openattic/api")


def test_each_link_within_the_page_leads_somewhere(tab):
    sign_in(tab)
    tab.page.goto(f"{tab.service.address}docs/")
    targets = tab.page.locator("a[href^='#']").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    missing = tab.page.evaluate("targets => targets.filter((id) => !document.getElementById(id.slice(1)))", targets)
    ids = tab.page.locator("[id]").evaluate_all("all => all.map((one) => one.id)")

    assert "#Task" in targets
    assert missing == []
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_a_schema_is_one_click_away(tab):
    sign_in(tab)
    tab.page.goto(f"{tab.service.address}docs/#get_taskqueue_task_id")
    call = tab.page.get_by_role("article", name="GET /taskqueue/{task_id}", exact=True)
    call.get_by_role("link", name="Task", exact=True).click()
    task = tab.page.get_by_role("article", name="Task", exact=True)

    expect(task).to_be_in_viewport()
    expect(task.get_by_role("row", name="stopping")).to_contain_text("aborted, and its last round has not ended yet")
    expect(task.get_by_role("row", name="error.traceback")).to_contain_text("text")


def test_nothing_is_wider_than_the_window(tab):
    sign_in(tab)
    tab.page.goto(f"{tab.service.address}docs/")
    for width in (390, 1280):
        tab.page.set_viewport_size({"width": width, "height": 800})
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width


def test_who_is_not_signed_in_is_asked_to(tab):
    tab.page.goto(f"{tab.service.address}docs/")

    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
