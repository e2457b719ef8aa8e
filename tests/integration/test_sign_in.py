"""Signing in: contract, section 6."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from urllib.parse import urlencode

import pytest

from tests.support.attack import connect, read_answer
from tests.support.made import waiting
from tests.support.monitoring import scrape
from tests.support.service import PASSWORD, Client, basic

RIGHT = {"username": "admin", "password": PASSWORD}
FORM = "application/x-www-form-urlencoded"


async def closed_with(events):
    """Reads to the end of the WebSocket; its code."""
    while await events.next() is not None:
        pass
    return events.socket.close_code


@pytest.fixture
def nobody(shared_service):
    return Client(shared_service, {})


async def sign_in(client, **more):
    answer = await client.call("POST", "auth", {**RIGHT, **more})
    assert answer.status == 200, answer.body
    return answer


def cookie_of(answer):
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def test_without_a_sign_in_the_answer_is_a_401_problem(nobody):
    wrong = [{"Authorization": text} for text in ("Token x", "Basic !", "Nonsense")]
    name = cookie_of(await sign_in(nobody))["Cookie"].partition("=")[0]
    for headers in (
        {},
        {"Cookie": f"sessionid=x; {name}=y; {name}; =; {name}="},
        basic("admin", "wrong"),
        basic("x", "y"),
        *wrong,
    ):
        answer = await Client(nobody.service, headers).call("GET", "taskqueue")
        assert (answer.status, answer.kind) == (401, "application/problem+json")


async def test_signing_in_gives_a_cookie_that_signs_calls_in(nobody):
    answer = await sign_in(nobody)
    flags = [part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]]

    assert answer.json == {"username": "admin", "role": "admin"}
    assert re.match(r"sessionid_[0-9a-z]{8}=[\w-]{43};", answer.headers["Set-Cookie"])
    assert {"httponly", "samesite=lax"} <= set(flags)
    assert not any(flag.startswith(("expires", "max-age")) or flag == "secure" for flag in flags)
    assert (await Client(nobody.service, cookie_of(answer)).call("GET", "taskqueue")).status == 200


async def test_staying_signed_in_gives_the_cookie_an_end(nobody):
    answer = await sign_in(nobody, stay_signed_in=True)

    assert "expires=" in answer.headers["Set-Cookie"].lower()


async def test_a_form_signs_in_as_well(nobody):
    form = urlencode({**RIGHT, "stay_signed_in": "on"}).encode()
    answer = await nobody.call("POST", "auth", raw=form, Content_Type=FORM)
    token = await nobody.call("POST", "api-token-auth", raw=urlencode(RIGHT).encode(), Content_Type=FORM)

    assert (answer.status, token.status) == (200, 200)


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "nobody"}])
async def test_a_wrong_sign_in_is_the_same_for_an_unknown_name(nobody, wrong):
    answer = await nobody.call("POST", "auth", {**RIGHT, **wrong})

    assert (answer.status, answer.kind) == (400, "application/problem+json")
    assert answer.json["non_field_errors"] == ["Unable to log in with provided credentials."]


async def test_a_sign_in_without_fields_names_them(nobody):
    answer = await nobody.call("POST", "auth", {})

    assert answer.status == 400
    assert set(answer.json["errors"]) == {"username", "password"}


async def test_signing_out_ends_the_session_and_its_sockets(nobody):
    cookie = cookie_of(await sign_in(nobody))
    client = Client(nobody.service, cookie)
    events = await client.events()
    await events.next()

    assert (await client.call("DELETE", "auth")).status == 204
    assert await closed_with(events) == 1008
    assert (await client.call("GET", "taskqueue")).status == 401


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
async def test_a_token_signs_in_and_stays_the_same(nobody, scheme):
    first, second = [(await nobody.call("POST", "api-token-auth", RIGHT)).json["token"] for _ in range(2)]

    assert first == second
    answer = await Client(nobody.service, {"Authorization": f"{scheme} {first}"}).call("GET", "taskqueue")
    assert answer.status == 200


async def test_a_renewed_token_makes_the_old_one_void_at_once(nobody):
    old = (await nobody.call("POST", "api-token-auth", RIGHT)).json["token"]
    assert nobody.service.user("renew-token", "admin").returncode == 0

    assert (await Client(nobody.service, {"Authorization": f"Token {old}"}).call("GET", "taskqueue")).status == 401
    new = (await nobody.call("POST", "api-token-auth", RIGHT)).json["token"]
    assert (await Client(nobody.service, {"Authorization": f"Token {new}"}).call("GET", "taskqueue")).status == 200


async def test_a_change_of_password_ends_everything_at_once(nobody):
    service = nobody.service
    assert service.user("add", "ann", "--role", "admin", given="first\n").returncode == 0
    ann = Client(service, basic("ann", "first"))
    assert (await ann.call("GET", "taskqueue")).status == 200
    signed_in = await nobody.call("POST", "auth", {"username": "ann", "password": "first"})
    session = Client(service, cookie_of(signed_in))
    events = await session.events()
    await events.next()

    assert service.user("password", "ann", given="second\n").returncode == 0

    assert await closed_with(events) == 1008
    assert (await session.call("GET", "taskqueue")).status == 401
    assert (await ann.call("GET", "taskqueue")).status == 401
    assert (await Client(service, basic("ann", "second")).call("GET", "taskqueue")).status == 200


async def test_a_removed_user_and_a_new_role_take_effect_at_once(nobody):
    service = nobody.service
    assert service.user("add", "bob", "--role", "admin", given="pw\n").returncode == 0
    bob = Client(service, basic("bob", "pw"))
    assert (await bob.call("POST", "taskqueue/test_task", {"times": 1})).status == 200
    assert service.user("role", "bob", "viewer").returncode == 0
    assert (await bob.call("POST", "taskqueue/test_task", {"times": 1})).status == 403
    assert service.user("remove", "bob").returncode == 0
    assert (await bob.call("GET", "taskqueue")).status == 401


async def test_the_last_admin_cannot_be_removed(service):
    answer = service.start().user("remove", "admin")

    assert answer.returncode == 1
    assert "admin" in answer.stderr
    assert "Traceback" not in answer.stderr


async def test_ten_wrong_passwords_shut_the_door_for_that_name_before_any_is_looked_at(service):
    client = Client(service.start(), {})
    wrong = {"username": "admin", "password": "wrong"}
    cookie = cookie_of(await client.call("POST", "auth", RIGHT))
    answers = await asyncio.gather(*(client.call("POST", "auth", wrong) for _ in range(30)))

    assert [answer.status for answer in answers].count(400) == 10
    refused = next(answer for answer in answers if answer.status == 429)
    assert (refused.kind, refused.headers["Retry-After"].isdigit()) == ("application/problem+json", True)
    assert (await client.call("POST", "auth", RIGHT)).status == 429
    assert (await Client(service).call("GET", "taskqueue")).status == 429
    assert (await Client(service, cookie).call("GET", "taskqueue")).status == 200


async def guess_from(service, address, name):
    """Begins to sign in from an address of loopback; the connection."""
    port = service.base.rpartition(":")[2]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    body = json.dumps({"username": name, "password": "wrong"}).encode()
    head = (
        f"POST /openattic/api/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    writer.write(head.encode() + b"\r\n\r\n" + body)
    return reader, writer


async def test_a_crowd_that_guesses_locks_nobody_else_out(service):
    service.start()
    crowd = [await guess_from(service, "127.0.0.7", f"n{number}") for number in range(100)]
    await crowd[0][0].readline()  # the first has its answer, the others wait

    answers = [await Client(service, {}).call("POST", "auth", RIGHT) for _ in range(3)]

    assert [answer.status for answer in answers] == [200] * 3
    assert not crowd[-1][0].at_eof()
    for _, writer in crowd:
        writer.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "OWN"}, 200),
        ({}, 200),
    ],
)
async def test_what_another_site_sends_is_refused(nobody, headers, status):
    client = Client(nobody.service, cookie_of(await sign_in(nobody)))
    headers = {name: value.replace("OWN", nobody.service.base) for name, value in headers.items()}
    answer = await client.call("POST", "taskqueue/test_task", {"times": 1}, **headers)

    assert answer.status == status
    if status == 403:
        assert answer.kind == "application/problem+json"


async def test_a_form_that_only_the_cookie_signs_in_is_refused(nobody):
    client = Client(nobody.service, cookie_of(await sign_in(nobody)))
    for kind in (FORM, "text/plain", "multipart/form-data; boundary=x"):
        answer = await client.call("POST", "taskqueue/test_task", raw=b'{"times": 1}', Content_Type=kind)
        assert answer.status == 415


async def test_nothing_that_could_be_used_to_sign_in_is_stored(nobody):
    cookie = cookie_of(await sign_in(nobody))["Cookie"].partition("=")[2]
    token = (await nobody.call("POST", "api-token-auth", RIGHT)).json["token"]
    files = [file for file in (nobody.service.directory / "data").iterdir() if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files)

    for secret in (PASSWORD, cookie, token):
        assert secret.encode() not in kept


# The cookie


async def test_every_session_cookie_that_comes_is_tried(nobody):
    name, _, value = cookie_of(await sign_in(nobody))["Cookie"].partition("=")
    for cookies in (
        f"{name}=x; {name}={value}",
        f"{name}={value}; {name}=x",
        f"a=b;{name}=;  {name}={value} ; sessionid=x",
    ):
        assert (await Client(nobody.service, {"Cookie": cookies}).call("GET", "taskqueue")).status == 200


async def test_the_cookie_of_the_version_before_counts_until_it_is_signed_out(nobody):
    old = {"Cookie": "sessionid=" + cookie_of(await sign_in(nobody))["Cookie"].partition("=")[2]}
    client = Client(nobody.service, old)
    assert (await client.call("GET", "taskqueue")).status == 200
    new = await client.call("POST", "auth", RIGHT)
    assert [cookie.split("=")[1][:2] == '""' for cookie in new.headers.get_list("Set-Cookie")] == [False, True]
    assert (await client.call("GET", "taskqueue")).status == 401


async def test_signing_out_clears_both_cookies(nobody):
    client = Client(nobody.service, cookie_of(await sign_in(nobody)))

    answer = await client.call("DELETE", "auth")
    cleared = [cookie.partition("=")[0] for cookie in answer.headers.get_list("Set-Cookie")]

    assert len(cleared) == 2
    assert cleared[1] == "sessionid"
    assert re.fullmatch("sessionid_[0-9a-z]{8}", cleared[0])
    assert (await client.call("GET", "taskqueue")).status == 401


async def test_the_name_of_the_cookie_stays_over_restarts_and_ports_and_is_another_one_elsewhere(service, nobody):
    names = []
    for _ in range(2):
        service.start()
        names.append(cookie_of(await sign_in(Client(service, {})))["Cookie"].partition("=")[0])
        service.kill()
    names.append(cookie_of(await sign_in(nobody))["Cookie"].partition("=")[0])

    assert names[0] == names[1] != names[2]


async def test_two_services_on_one_host_do_not_disturb_each_other(service, nobody):
    """A browser sends the cookies of all ports of a host to each of them."""
    cookies = [cookie_of(await sign_in(Client(one, {})))["Cookie"] for one in (service.start(), nobody.service)]
    clients = [Client(one, {"Cookie": "; ".join(cookies)}) for one in (service, nobody.service)]
    assert (await clients[0].call("DELETE", "auth")).status == 204

    assert [(await client.call("GET", "taskqueue")).status for client in clients] == [401, 200]


async def test_signing_in_again_ends_the_session_whose_cookie_came_with_it(nobody):
    first, other = [cookie_of(await sign_in(nobody)) for _ in range(2)]
    client = Client(nobody.service, first)
    events = await client.events()
    await events.next()

    wrong = await client.call("POST", "auth", {**RIGHT, "password": "wrong"})
    assert (wrong.status, (await client.call("GET", "taskqueue")).status) == (400, 200)
    second = cookie_of(await client.call("POST", "auth", RIGHT))

    assert await closed_with(events) == 1008
    found = [(await Client(nobody.service, one).call("GET", "taskqueue")).status for one in (first, second, other)]
    assert found == [401, 200, 200]


async def test_signing_out_everywhere_ends_all_sessions_of_the_user(nobody):
    assert nobody.service.user("add", "eve", given="pw\n").returncode == 0
    mine = [Client(nobody.service, cookie_of(await sign_in(nobody))) for _ in range(2)]
    of_eve = await nobody.call("POST", "auth", {"username": "eve", "password": "pw"})
    events = await mine[1].events()
    await events.next()

    assert (await mine[0].call("DELETE", "auth?everywhere=true")).status == 204

    assert await closed_with(events) == 1008
    assert [(await client.call("GET", "taskqueue")).status for client in mine] == [401, 401]
    assert (await Client(nobody.service, cookie_of(of_eve)).call("GET", "taskqueue")).status == 200
    assert (await mine[0].call("DELETE", "auth?everywhere=true")).status == 401
    assert (await mine[0].call("DELETE", "auth?everywhere=false")).status == 204


async def test_the_description_of_the_api_names_the_cookie(nobody):
    answer = await sign_in(nobody)
    schemes = (await Client(nobody.service, cookie_of(answer)).get("openapi.json"))["components"]["securitySchemes"]

    assert schemes["session"]["name"] == answer.headers["Set-Cookie"].partition("=")[0]


# What counts


@pytest.mark.parametrize(
    "header",
    [
        basic("somebody", "of a proxy")["Authorization"],
        basic("admin", "wrong")["Authorization"],
        basic("admin", "")["Authorization"],
        "Basic",
        "Basic !",
        "Bearer of.another.one",
        "Token x",
        "Negotiate YIIabc==",
        "",
        "  ",
    ],
)
async def test_a_session_counts_whatever_a_proxy_writes_into_the_authorization_header(nobody, header):
    client = Client(nobody.service, {**cookie_of(await sign_in(nobody)), "Authorization": header})
    for _ in range(12):
        assert (await client.call("GET", "taskqueue")).status == 200
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 200

    events = await client.events()
    assert (await events.next())["type"] == "hello"
    assert (await nobody.call("POST", "auth", RIGHT)).status == 200  # none of them was a guess


async def test_a_token_of_ours_counts_before_the_session(nobody):
    assert nobody.service.user("add", "vic", given="pw\n").returncode == 0
    token = (await nobody.call("POST", "api-token-auth", {"username": "vic", "password": "pw"})).json["token"]
    client = Client(nobody.service, {**cookie_of(await sign_in(nobody)), "Authorization": f"Bearer {token}"})

    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 403


@pytest.mark.parametrize("order", [1, -1])
async def test_a_token_of_ours_counts_beside_the_header_that_a_proxy_adds(nobody, order):
    token = (await nobody.call("POST", "api-token-auth", RIGHT)).json["token"]
    headers = ["Authorization: Basic cHJveHk6cHJveHk=", f"Authorization: Token {token}"][::order]
    request = "\r\n".join(["GET /openattic/api/jobs HTTP/1.1", "Host: x", *headers, "", ""])
    with connect(nobody.service) as connection:
        connection.sendall(request.encode())
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("header", ["", "Basic eDp5", "Bearer x", "Negotiate x"])
async def test_an_authorization_header_does_not_get_round_the_rules_against_other_sites(nobody, header):
    client = Client(nobody.service, {**cookie_of(await sign_in(nobody)), "Authorization": header})
    for more in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert (await client.call("POST", "taskqueue/test_task", {"times": 1}, **more)).status == 403
    for kind in (FORM, "text/plain"):
        answer = await client.call("POST", "taskqueue/test_task", raw=b'{"times": 1}', Content_Type=kind)
        assert answer.status == 415


# The moment of acting


class SlowRequest:
    """A request whose body is not complete yet."""

    def __init__(self, reader, writer, rest):
        self.reader = reader
        self.writer = writer
        self.rest = rest

    async def answer(self):
        """Sends the rest; the status and the body of the answer."""
        self.writer.write(self.rest)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head)[1]) if b"Content-Length" in head else 0
        body = await self.reader.readexactly(length)
        self.writer.close()
        return int(head.split()[1]), body


async def begin(service, method, path, headers, body):
    """Sends all but the end of the body, once the server has taken the headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.base.rpartition(":")[2])
    lines = [f"{method} /openattic/api/{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}",
             "Content-Type: application/json", "Expect: 100-continue"]  # fmt: skip
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(body[:-1])
    return SlowRequest(reader, writer, body[-1:])


CHANGING = [
    ("POST", "taskqueue/test_task", b'{"times": 1}'),
    ("POST", "taskqueue", b'[{"job": "test_task", "params": {"times": 1}}]'),
    ("POST", "taskqueue/delete", b'{"ids": [1]}'),
    ("PUT", "taskqueue/1", b'{"pinned": true}'),
    ("DELETE", "taskqueue/1", b"{}"),
    ("POST", "taskqueue/1/retry", b"{}"),
]


@pytest.mark.parametrize("change", ["remove", "role", "password"])
async def test_a_user_who_lost_the_role_before_the_body_was_complete_changes_nothing(client, change):
    name, service = f"slow-{change}", client.service
    for task in (await client.get("taskqueue?status=Not%20Started&status=Running"))["results"]:
        await client.ended(task["id"])  # of other tests
    assert service.user("add", name, "--role", "admin", given="pw\n").returncode == 0
    slow = [await begin(service, method, path, basic(name, "pw"), body) for method, path, body in CHANGING]
    before = (await client.get("taskqueue?pageSize=1"))["revision"]
    words = [change, name, *(["viewer"] if change == "role" else [])]
    assert service.user(*words, given="new\n").returncode == 0

    for one in slow:
        status, problem = await one.answer()
        assert (status, b"sign in again" in problem) == (401, True)
    assert (await client.get(f"taskqueue/changes?since={before}"))["transitions"] == []


async def test_a_session_that_ends_before_the_body_is_complete_changes_nothing(client, nobody):
    cookie = cookie_of(await sign_in(nobody))
    slow = await begin(client.service, "POST", "taskqueue/test_task", cookie, b'{"times": 1}')
    assert (await Client(nobody.service, cookie).call("DELETE", "auth")).status == 204

    assert (await slow.answer())[0] == 401


async def test_waiting_calls_of_a_removed_user_end_at_once(service):
    admin = Client(service.start())
    task = (await admin.call("POST", "taskqueue", waiting())).json
    for number, change in enumerate(["remove", "role"]):
        name = f"who-{change}"
        assert service.user("add", name, "--role", "admin", given="pw\n").returncode == 0
        client = Client(service, basic(name, "pw"))
        calls = [
            asyncio.ensure_future(client.call("GET", f"taskqueue/{task['id']}?wait=60")),
            asyncio.ensure_future(client.call("POST", "taskqueue", waiting(), Prefer="wait=60")),
        ]
        while (head := await admin.get("taskqueue?pageSize=1"))["count"] < number + 2:
            await admin.get(f"taskqueue/changes?since={head['revision']}&wait=10")
        calls.append(asyncio.ensure_future(client.call("GET", f"taskqueue/changes?since={head['revision']}&wait=60")))
        while (await scrape(admin)).of("waiting_calls") != len(calls):  # noqa: ASYNC110  another process sets no event
            await asyncio.sleep(0.02)
        words = [change, name, *(["viewer"] if change == "role" else [])]
        assert service.user(*words).returncode == 0

        answers = await asyncio.wait_for(asyncio.gather(*calls), 30)
        assert [(answer.status, answer.kind) for answer in answers] == [(401, "application/problem+json")] * 3


async def test_waiting_calls_and_sockets_of_a_session_end_when_its_time_is_up(service):
    client = Client(service.start(), {})
    signed_in = Client(service, cookie_of(await sign_in(client)))
    events = await signed_in.events()
    await events.next()
    head = await signed_in.get("taskqueue?pageSize=1")
    call = asyncio.ensure_future(signed_in.call("GET", f"taskqueue/changes?since={head['revision']}&wait=60"))
    with sqlite3.connect(service.directory / "data" / "hourglass.db") as database:
        database.execute("UPDATE sessions SET expires = ?", (round(time.time() * 1000) + 1500,))
    database.close()
    assert service.user("renew-token", "admin").returncode == 0  # has the server read the sessions again
    assert (await signed_in.call("GET", "jobs")).status == 200

    assert (await asyncio.wait_for(call, 30)).status == 401
    assert await closed_with(events) == 1008
    assert (await signed_in.call("GET", "jobs")).status == 401
