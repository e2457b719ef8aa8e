"""Behind proxies that pass no WebSockets, cut them, or lose what goes through them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import opened
from tests.browser.steps import call, create_waiting, open_dialog, row, sign_in, submit, submit_waiting
from tests.support.proxy import HANG, Proxy

POLLING = re.compile("^Live by polling: .*WebSockets")


@pytest.fixture
def proxied(browser, service):
    """A tab that reaches the server through a proxy, and that proxy."""
    proxy = Proxy(service.base)
    with opened(browser, proxy, "WebSocket") as tab:
        yield tab, proxy
    proxy.close()


def test_where_no_websocket_gets_through_the_page_says_so_and_lives_on_by_polling(proxied):
    tab, proxy = proxied
    proxy.refusal = 502
    sign_in(tab)
    expect(tab.page.get_by_text(POLLING)).to_be_visible(timeout=30_000)
    submit(tab, "counts", times=3)
    expect(tab.page.locator(".toast-card").filter(has_text="Counting to 3 finished")).to_be_visible()
    tab.page.reload()
    handshakes = proxy.handshakes
    expect(tab.page.get_by_text(POLLING)).to_be_visible()
    assert proxy.handshakes == handshakes
    waits = create_waiting(tab, in_round=3)
    dialog = open_dialog(tab)
    waiting = row(dialog, "Waiting in round")
    expect(waiting).to_contain_text("Running")
    waiting.get_by_role("link").click()
    expect(dialog.locator("table.rounds tbody tr")).to_have_count(2)
    call(tab, "DELETE", f"taskqueue/{waits}?force=true")
    expect(dialog.locator(".task-progress")).to_contain_text("Aborted by admin")
    expect(dialog.get_by_role("tab", name="Failed (1)", include_hidden=True)).to_be_attached()


@pytest.mark.slow
def test_a_proxy_on_which_handshakes_hang_is_done_without_until_it_passes_them(proxied):
    tab, proxy = proxied
    proxy.refusal = HANG
    tab.page.clock.install()
    sign_in(tab)
    forward(tab, tab.page.get_by_text(POLLING))
    tab.page.get_by_role("button", name="Why? It is polling").click()
    help_dialog = tab.page.get_by_role("dialog", name="Help")
    expect(help_dialog.get_by_text("Behind a reverse proxy")).to_be_visible()
    tab.page.keyboard.press("Escape")
    proxy.refusal = None
    forward(tab, tab.page.get_by_text("Live", exact=True), 120)

    submit_waiting(tab, 1)
    expect(tab.page.get_by_role("button", name="1 Background-Task")).to_be_visible()


def test_a_websocket_whose_packets_are_lost_is_replaced(proxied):
    tab, proxy = proxied
    tab.page.clock.install()
    sign_in(tab)
    expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
    before = proxy.handshakes
    proxy.swallows = True
    submit_waiting(tab, 1)
    forward(tab, lambda: proxy.handshakes > before, 40)
    proxy.swallows = False
    forward(tab, tab.page.get_by_role("button", name="1 Background-Task"), 60)


def test_a_connection_that_is_cut_and_back_at_once_is_not_told_to_anybody(proxied):
    tab, proxy = proxied
    sign_in(tab)
    expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
    tab.page.evaluate(
        """() => {
          window.told = [];
          const line = document.querySelector(".freshness");
          new MutationObserver(() => window.told.push(line.textContent.trim()))
            .observe(line, { subtree: true, childList: true, characterData: true, attributes: true });
        }"""
    )
    for cut in range(1, 4):
        before = proxy.handshakes
        proxy.cut_websockets()
        tab.page.wait_for_function("() => true")
        while proxy.handshakes == before:
            tab.page.evaluate("() => new Promise(requestAnimationFrame)")
        submit_waiting(tab, cut)
        expect(tab.page.get_by_role("button", name=re.compile(f"^{cut} Background-Task"))).to_be_visible()

    assert tab.page.evaluate("() => window.told") == []


def forward(tab, until, seconds=30):
    """Sets the clock of the page forward, second by second, until something is seen or holds."""
    is_there = until if callable(until) else until.is_visible
    for _ in range(seconds):
        if is_there():
            return
        tab.page.clock.run_for(1000)
        tab.page.wait_for_timeout(50)
    if not callable(until):
        expect(until).to_be_visible()
    assert is_there()
