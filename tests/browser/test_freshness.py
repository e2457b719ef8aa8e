"""How fresh the page is, and how it comes back."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SETTINGS
from tests.browser.steps import create_waiting, open_dialog, row, sign_in, submit, submit_finished


def port_of(service):
    return service.base.rpartition(":")[2]


def forgive_lost_connections(tab):
    """Chromium itself reports a server that is gone."""
    tab.forgive("ERR_CONNECTION", "WebSocket")


def test_a_server_that_stops_says_so(own_tab):
    sign_in(own_tab)
    create_waiting(own_tab)
    expect(own_tab.page.get_by_text("Live", exact=True)).to_be_visible()
    own_tab.service.terminate()

    expect(own_tab.page.get_by_text("Server is stopping")).to_be_visible()
    own_tab.service.kill()
    expect(own_tab.page.get_by_text(re.compile(r"Reconnecting… data from \d\d:\d\d:\d\d"))).to_be_visible()
    forgive_lost_connections(own_tab)


@pytest.mark.slow
def test_what_happened_while_the_server_was_away_is_there_when_it_is_back(own_tab, tmp_path):
    sign_in(own_tab)
    submit_finished(own_tab, 1)
    submit(own_tab, "waits", times=3, in_round=2, until=str(tmp_path / "until"))
    dialog = open_dialog(own_tab)
    expect(row(dialog, "Waiting in round")).to_contain_text("Running")
    row(dialog, "Waiting in round").get_by_role("checkbox").check()
    port = port_of(own_tab.service)
    own_tab.service.kill()
    expect(dialog.get_by_text(re.compile("Reconnecting… data from"))).to_be_visible()
    expect(row(dialog, "Waiting in round").get_by_role("checkbox")).to_be_checked()
    (tmp_path / "until").touch()
    own_tab.service.start(*SETTINGS, "--port", port)

    expect(dialog.get_by_text("Live", exact=True)).to_be_visible(timeout=30_000)
    expect(dialog.get_by_role("tab", name="Finished (2)")).to_be_visible(timeout=20_000)
    expect(row(dialog, "Waiting in round")).to_contain_text("Finished")
    forgive_lost_connections(own_tab)


def test_a_server_of_another_version_offers_to_load_the_page_again(tab):
    tab.page.route_web_socket(re.compile("/events"), speak_as_newer)
    sign_in(tab)
    expect(tab.page.get_by_text("Hourglass was updated.")).to_be_visible()
    with tab.page.expect_navigation():
        tab.page.get_by_role("button", name="Reload the page").click()


def speak_as_newer(socket):
    server = socket.connect_to_server()
    server.on_message(lambda text: socket.send(re.sub(r'"version":"[^"]*"', '"version":"99.0"', text)))


def test_a_server_that_hangs_is_noticed_although_its_socket_stays_open(own_tab):
    """The page asks after a while without a word; its clock is set forward for that."""
    own_tab.page.clock.install()
    sign_in(own_tab)
    expect(own_tab.page.get_by_text("Live", exact=True)).to_be_visible()
    own_tab.service.server.send_signal(signal.SIGSTOP)
    try:
        for _ in range(40):
            own_tab.page.clock.run_for(1000)
        expect(own_tab.page.get_by_text(re.compile("Reconnecting… data from"))).to_be_visible(timeout=20_000)
    finally:
        own_tab.service.server.send_signal(signal.SIGCONT)
    own_tab.page.clock.resume()
    forgive_lost_connections(own_tab)


def test_a_list_that_cannot_be_read_says_so_and_is_tried_again(tab):
    sign_in(tab)
    submit_finished(tab, 1)
    problem = {"title": "Service Unavailable", "status": 503, "detail": "The database is locked by another program."}
    tab.page.route("**/taskqueue?status=Finished*", lambda route: route.fulfill(status=503, json=problem))
    dialog = open_dialog(tab, "Finished")
    expect(dialog.get_by_text("The database is locked by another program.")).to_be_visible()
    tab.page.unroute("**/taskqueue?status=Finished*")
    dialog.get_by_role("button", name="Try again").click()

    expect(row(dialog, "Counting to 1")).to_be_visible()
    tab.forgive("503")
