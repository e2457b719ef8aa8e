"""Signing in: contract, section 6."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest

from tests.support.service import PASSWORD, Client, basic

pytestmark = pytest.mark.gen_test

RIGHT = {"username": "admin", "password": PASSWORD}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def nobody(shared_service):
    return Client(shared_service, {})


async def sign_in(client, **more):
    answer = await client.call("POST", "auth", {**RIGHT, **more})
    assert answer.status == 200, answer.body
    return answer


def cookie_of(answer):
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def test_who_is_not_signed_in_gets_a_401_problem(nobody):
    wrong = [{"Authorization": text} for text in ("Token x", "Basic !", "Nonsense")]
    for headers in ({}, {"Cookie": "sessionid=x"}, basic("admin", "wrong"), basic("x", "y"), *wrong):
        answer = await Client(nobody.service, headers).call("GET", "taskqueue")
        assert (answer.status, answer.kind) == (401, "application/problem+json")


async def test_signing_in_gives_a_cookie_that_signs_calls_in(nobody):
    answer = await sign_in(nobody)
    flags = [part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]]

    assert answer.json == {"username": "admin", "role": "admin"}
    assert answer.headers["Set-Cookie"].startswith("sessionid=")
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
    while await events.next() is not None:
        pass
    assert events.socket.close_code == 1008
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

    while await events.next() is not None:
        pass
    assert events.socket.close_code == 1008
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
    cookie = cookie_of(await sign_in(nobody))["Cookie"].removeprefix("sessionid=")
    token = (await nobody.call("POST", "api-token-auth", RIGHT)).json["token"]
    files = [file for file in (nobody.service.directory / "data").iterdir() if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files)

    for secret in (PASSWORD, cookie, token):
        assert secret.encode() not in kept
