"""Behind nginx as docs/operating.md sets it up, in plain HTTP on a port."""

from __future__ import annotations

import asyncio
import http.client
import json

import pytest

from tests.support.made import waiting
from tests.support.nginx import Nginx
from tests.support.service import PASSWORD, Client, Service, basic

RIGHT = {"username": "admin", "password": PASSWORD}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """A service that stands behind nginx, and nginx."""
    service = Service(tmp_path_factory.mktemp("service")).start("--set", "server.behind_proxy=yes")
    nginx = Nginx(tmp_path_factory.mktemp("nginx"), service)
    yield service, nginx
    nginx.close()
    service.close()


@pytest.fixture
def nginx(proxied):
    return proxied[1]


def log_of(service):
    return (service.directory / "server.log").read_text()


async def browser(nginx):
    """Who has signed in through the proxy, and sends what a browser does."""
    answer = await Client(nginx, {}).call("POST", "auth", RIGHT, Origin=nginx.base)
    assert answer.status == 200, answer.body
    cookie = answer.headers["Set-Cookie"]
    assert "secure" not in cookie.lower()
    return Client(nginx, {"Cookie": cookie.partition(";")[0], "Origin": nginx.base})


def test_the_start_says_whom_it_believes(proxied):
    assert proxied[0].log_with("X-Forwarded-For and X-Forwarded-Proto are accepted from 127.0.0.0/8, ::1")


async def test_one_signs_in_and_creates_tasks(nginx):
    client = await browser(nginx)
    task = (await client.call("POST", "taskqueue/test_task", {"times": 2})).json

    assert (await client.get(f"taskqueue/{task['id']}?wait=60"))["status"] == "Finished"
    evil = {**client.headers, "Origin": "http://evil.example"}
    assert (await Client(nginx, evil).call("POST", "taskqueue/test_task", {"times": 2})).status == 403


async def test_changes_come_over_the_websocket(nginx):
    client = await browser(nginx)
    events = await client.events()
    assert (await events.next())["type"] == "hello"
    task = (await client.call("POST", "taskqueue/test_task", {"times": 1})).json

    await events.until(lambda events: events.tasks.get(task["id"], {}).get("status") == "Finished")


async def test_a_thousand_ids_pass_in_a_body_and_not_in_an_address(nginx):
    client = await browser(nginx)
    ids = [10**9 + number for number in range(1000)]
    in_body = await client.call("POST", "taskqueue/delete", {"ids": ids})
    in_address = await client.call("DELETE", "taskqueue?" + "&".join(f"id={one}" for one in ids))

    assert (in_body.status, len(in_body.json["results"])) == (200, 1000)
    assert in_address.status == 414


async def test_a_body_that_is_too_large_is_refused_by_the_service(nginx):
    answer = await Client(nginx).call("POST", "taskqueue", raw=b" " * (1024 * 1024 + 1))

    assert (answer.status, answer.kind) == (413, "application/problem+json")


def sign_in_from(nginx, address, password, **headers):
    """From an address of loopback; the status."""
    host, port = nginx.base.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=(address, 0))
    body = json.dumps({**RIGHT, "password": password})
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/openattic/api/auth", body, {"Content-Type": "application/json", **sent})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


def test_wrong_passwords_count_for_the_clients_address_whatever_it_says_of_itself(proxied):
    service, nginx = proxied
    for number in range(10):
        lies = dict.fromkeys(("X_Real_Ip", "X_Forwarded_For", "Client_Ip"), f"203.0.113.{number}")
        status, _ = sign_in_from(nginx, "127.0.0.7", "wrong", Forwarded=f"for=203.0.113.{number}", **lies)
        assert status == 400

    assert sign_in_from(nginx, "127.0.0.7", PASSWORD, X_Forwarded_For="203.0.113.99")[0] == 429
    assert sign_in_from(nginx, "127.0.0.8", PASSWORD)[0] == 200
    assert "203.0.113" not in service.log_with("too many wrong passwords for admin from 127.0.0.7")


def test_a_client_cannot_say_by_which_protocol_it_came(nginx):
    _, headers = sign_in_from(nginx, "127.0.0.9", PASSWORD, X_Scheme="https", X_Forwarded_Proto="https")

    assert "secure" not in headers["Set-Cookie"].lower()


async def test_nobody_is_believed_without_the_setting_or_from_elsewhere(shared_service, service):
    service.start("--set", "server.behind_proxy=yes", "--set", "server.trusted_proxies=10.0.0.0/8")
    for one in (shared_service, service):
        answer = await Client(one, {}).call(
            "POST", "auth", RIGHT, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.5"
        )
        assert "secure" not in answer.headers["Set-Cookie"].lower()
    for _ in range(10):
        await Client(service, basic("admin", "wrong")).call("GET", "jobs", X_Forwarded_For="203.0.113.5")
    assert "are accepted from 10.0.0.0/8" in service.log_with("from 127.0.0.1")
    assert "are accepted" not in log_of(shared_service)


async def test_a_cookie_over_https_is_secure(proxied):
    """nginx would say so; here the test is the proxy."""
    answer = await Client(proxied[0], {}).call("POST", "auth", RIGHT, X_Forwarded_Proto="https")

    assert "secure" in answer.headers["Set-Cookie"].lower()


@pytest.mark.slow
async def test_a_call_that_waits_for_a_minute_is_answered_before_nginx_gives_up(nginx):
    client = await browser(nginx)
    task = await client.call("POST", "taskqueue", waiting())
    revision = (await client.get("taskqueue?pageSize=1"))["revision"]
    path = f"taskqueue/changes?since={revision}&wait=60"
    calls = [client.call("GET", f"taskqueue/{task.json['id']}?wait=60"), client.call("GET", path)]

    assert [answer.status for answer in await asyncio.gather(*calls)] == [200, 200]
