"""What every store of accounts promises, to commands beside the server: accounts/store.py."""

from __future__ import annotations

import pytest

from accounts.model import Session
from jobs.errors import Conflict, InvalidInput, NotFound
from tests.support.stores import SEARCHABLE

NOW = 1_700_000_000_000


@pytest.fixture(params=SEARCHABLE)
def kind(request):
    return SEARCHABLE[request.param]


@pytest.fixture
def commands(kind, tmp_path):
    """Calls a method of the accounts, each time in a store that is opened anew."""
    return lambda method, **arguments: getattr(kind.accounts_of_command(tmp_path), method)(**arguments)


async def add(commands, name="ann", role="viewer"):
    return await commands("add_user", name=name, role=role, password_hash="$hash", now=NOW)


async def names(commands):
    return [user.name for user in await commands("users")]


async def test_users_are_listed_by_name(commands):
    await add(commands, "zoe", "admin")
    await add(commands, "Ann_1.x-y@example")

    users = await commands("users")

    assert [(user.name, user.role, user.created) for user in users] == [
        ("Ann_1.x-y@example", "viewer", NOW),
        ("zoe", "admin", NOW),
    ]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "a\n", "\0", "x" * 65, "a:b"])
async def test_a_name_with_other_characters_or_of_another_length_is_refused(commands, name):
    with pytest.raises(InvalidInput, match="1 to 64"):
        await add(commands, name)


async def test_a_name_can_be_given_only_once(commands):
    before = await add(commands, "ann", "admin")
    with pytest.raises(Conflict, match="ann"):
        await add(commands, "ann")

    assert await commands("users") == [before]


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("set_password", {"password_hash": "x"}),
        ("set_role", {"role": "admin"}),
        ("renew_token", {}),
        ("remove_user", {}),
    ],
)
async def test_an_error_about_an_unknown_user_lists_those_there_are(commands, method, more):
    await add(commands, "ann")
    await add(commands, "bob")
    with pytest.raises(NotFound, match="'eve'; there are: ann, bob"):
        await commands(method, name="eve", **more)


@pytest.mark.parametrize(("method", "more"), [("remove_user", {}), ("set_role", {"role": "viewer"})])
async def test_the_last_admin_stays_admin_and_another_need_not(commands, method, more):
    await add(commands, "root", "admin")
    await add(commands, "ann", "viewer")
    with pytest.raises(Conflict, match="root is the last admin"):
        await commands(method, name="root", **more)

    await add(commands, "bob", "admin")
    await commands(method, name="root", **more)

    assert [user.name for user in await commands("users") if user.role == "admin"] == ["bob"]


async def test_the_last_user_who_is_no_admin_can_be_removed(commands):
    await add(commands, "ann", "viewer")
    await commands("remove_user", name="ann")

    assert await names(commands) == []


@pytest.mark.parametrize(
    ("method", "more", "changed"),
    [
        ("set_password", {"password_hash": "new"}, {"password_hash", "credentials"}),
        ("set_role", {"role": "admin"}, {"role", "credentials"}),
        ("set_role", {"role": "viewer"}, set()),
        ("renew_token", {}, {"token_generation"}),
    ],
)
async def test_a_new_password_or_role_gives_new_credentials_and_a_new_token_does_not(commands, method, more, changed):
    before = await add(commands)
    await commands(method, name="ann", **more)
    (after,) = await commands("users")

    assert {field for field in before.__struct_fields__ if getattr(before, field) != getattr(after, field)} == changed


async def test_the_first_admin_is_added_once_and_only_if_there_are_no_users(commands):
    assert [await commands("add_first_admin", password_hash=password, now=NOW) for password in "ab"] == [True, False]
    assert [(user.name, user.role, user.password_hash) for user in await commands("users")] == [("admin", "admin", "a")]


# Sessions


def session(number, user="ann", expires=NOW + 1000):
    return Session(str(number), user, "credentials", expires)


async def hashes(commands):
    _, sessions = await commands("users_and_sessions", now=NOW)
    return sorted(one.id_hash for one in sessions)


async def test_a_session_takes_the_place_of_others_and_of_those_that_expired(commands):
    for one in (session(1), session(2), session(3, expires=NOW)):
        await commands("add_session", session=one, instead_of=[], most=9, now=NOW - 1)

    removed = await commands("add_session", session=session(4), instead_of=["1"], most=9, now=NOW)

    assert sorted(removed) == ["1", "3"]
    assert await hashes(commands) == ["2", "4"]


async def test_of_too_many_sessions_of_a_user_the_one_that_expires_first_goes_and_never_the_new_one(commands):
    for one in (session(1, expires=NOW + 3), session(2, expires=NOW + 2), session(3, "bob", expires=NOW + 1)):
        await commands("add_session", session=one, instead_of=[], most=2, now=NOW)

    assert await commands("add_session", session=session(4, expires=NOW + 1), instead_of=[], most=2, now=NOW) == ["2"]
    assert await hashes(commands) == ["1", "3", "4"]


@pytest.mark.parametrize(
    ("method", "more"),
    [("set_password", {"password_hash": "x"}), ("set_role", {"role": "admin"}), ("remove_user", {})],
)
async def test_a_change_of_credentials_ends_the_sessions_of_the_user_alone(commands, method, more):
    for name in ("ann", "bob"):
        await add(commands, name)
        await commands("add_session", session=session(name, name), instead_of=[], most=9, now=NOW)
    await commands(method, name="ann", **more)

    assert await hashes(commands) == ["bob"]


async def test_sessions_are_removed_by_their_hashes_or_by_their_user(commands):
    for one in (session(1), session(2), session(3), session(4, "bob")):
        await commands("add_session", session=one, instead_of=[], most=9, now=NOW)

    await commands("remove_sessions", id_hashes=["1", "none such"])
    assert await hashes(commands) == ["2", "3", "4"]
    await commands("remove_sessions_of", user="ann")
    assert await hashes(commands) == ["4"]


async def test_what_a_command_changed_is_read_by_an_open_server(kind, tmp_path):
    async with kind.opened(tmp_path) as stores:
        await kind.accounts_of_command(tmp_path).add_user("ann", "viewer", "$hash", NOW)

        assert [user.name for user in await stores.accounts.users()] == ["ann"]
