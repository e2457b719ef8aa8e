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
def commands(run, kind, tmp_path):
    """Calls a method of the accounts, each time in a store that is opened anew."""
    return lambda method, **arguments: run(getattr(kind.accounts_of_command(tmp_path), method)(**arguments))


def add(commands, name="ann", role="viewer"):
    return commands("add_user", name=name, role=role, password_hash="$hash", now=NOW)


def names(commands):
    return [user.name for user in commands("users")]


def test_users_are_listed_by_name(commands):
    add(commands, "zoe", "admin")
    add(commands, "Ann_1.x-y@example")

    users = commands("users")

    assert [(user.name, user.role, user.created) for user in users] == [
        ("Ann_1.x-y@example", "viewer", NOW),
        ("zoe", "admin", NOW),
    ]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "a\n", "\0", "x" * 65, "a:b"])
def test_a_name_of_other_characters_or_lengths_is_refused(commands, name):
    with pytest.raises(InvalidInput, match="1 to 64"):
        add(commands, name)


def test_a_name_is_given_once(commands):
    before = add(commands, "ann", "admin")
    with pytest.raises(Conflict, match="ann"):
        add(commands, "ann")

    assert commands("users") == [before]


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("set_password", {"password_hash": "x"}),
        ("set_role", {"role": "admin"}),
        ("renew_token", {}),
        ("remove_user", {}),
    ],
)
def test_an_unknown_user_is_answered_with_those_who_are_there(commands, method, more):
    add(commands, "ann")
    add(commands, "bob")
    with pytest.raises(NotFound, match="'eve'; there are: ann, bob"):
        commands(method, name="eve", **more)


@pytest.mark.parametrize(("method", "more"), [("remove_user", {}), ("set_role", {"role": "viewer"})])
def test_the_last_admin_stays_admin_and_another_need_not(commands, method, more):
    add(commands, "root", "admin")
    add(commands, "ann", "viewer")
    with pytest.raises(Conflict, match="root is the last admin"):
        commands(method, name="root", **more)

    add(commands, "bob", "admin")
    commands(method, name="root", **more)

    assert [user.name for user in commands("users") if user.role == "admin"] == ["bob"]


def test_the_last_user_who_is_no_admin_can_be_removed(commands):
    add(commands, "ann", "viewer")
    commands("remove_user", name="ann")

    assert names(commands) == []


@pytest.mark.parametrize(
    ("method", "more", "changed"),
    [
        ("set_password", {"password_hash": "new"}, {"password_hash", "credentials"}),
        ("set_role", {"role": "admin"}, {"role", "credentials"}),
        ("set_role", {"role": "viewer"}, set()),
        ("renew_token", {}, {"token_generation"}),
    ],
)
def test_a_new_password_or_role_gives_new_credentials_and_a_new_token_does_not(commands, method, more, changed):
    before = add(commands)
    commands(method, name="ann", **more)
    (after,) = commands("users")

    assert {field for field in before.__struct_fields__ if getattr(before, field) != getattr(after, field)} == changed


def test_the_first_admin_is_added_once_and_only_where_there_are_no_users(commands):
    assert [commands("add_first_admin", password_hash=password, now=NOW) for password in "ab"] == [True, False]
    assert [(user.name, user.role, user.password_hash) for user in commands("users")] == [("admin", "admin", "a")]


# Sessions


def session(number, user="ann", expires=NOW + 1000):
    return Session(str(number), user, "credentials", expires)


def hashes(commands):
    _, sessions = commands("users_and_sessions", now=NOW)
    return sorted(one.id_hash for one in sessions)


def test_a_session_takes_the_place_of_others_and_of_those_that_expired(commands):
    for one in (session(1), session(2), session(3, expires=NOW)):
        commands("add_session", session=one, instead_of=[], most=9, now=NOW - 1)

    removed = commands("add_session", session=session(4), instead_of=["1"], most=9, now=NOW)

    assert sorted(removed) == ["1", "3"]
    assert hashes(commands) == ["2", "4"]


def test_of_too_many_sessions_of_a_user_the_one_that_expires_first_goes_and_never_the_new_one(commands):
    for one in (session(1, expires=NOW + 3), session(2, expires=NOW + 2), session(3, "bob", expires=NOW + 1)):
        commands("add_session", session=one, instead_of=[], most=2, now=NOW)

    assert commands("add_session", session=session(4, expires=NOW + 1), instead_of=[], most=2, now=NOW) == ["2"]
    assert hashes(commands) == ["1", "3", "4"]


@pytest.mark.parametrize(
    ("method", "more"),
    [("set_password", {"password_hash": "x"}), ("set_role", {"role": "admin"}), ("remove_user", {})],
)
def test_a_change_of_credentials_ends_the_sessions_of_the_user_alone(commands, method, more):
    for name in ("ann", "bob"):
        add(commands, name)
        commands("add_session", session=session(name, name), instead_of=[], most=9, now=NOW)
    commands(method, name="ann", **more)

    assert hashes(commands) == ["bob"]


def test_sessions_are_removed_by_their_hashes_or_by_their_user(commands):
    for one in (session(1), session(2), session(3), session(4, "bob")):
        commands("add_session", session=one, instead_of=[], most=9, now=NOW)

    commands("remove_sessions", id_hashes=["1", "none such"])
    assert hashes(commands) == ["2", "3", "4"]
    commands("remove_sessions_of", user="ann")
    assert hashes(commands) == ["4"]


async def test_what_a_command_changed_is_read_by_an_open_server(kind, tmp_path):
    async with kind.opened(tmp_path) as stores:
        await kind.accounts_of_command(tmp_path).add_user("ann", "viewer", "$hash", NOW)

        assert [user.name for user in await stores.accounts.users()] == ["ann"]
