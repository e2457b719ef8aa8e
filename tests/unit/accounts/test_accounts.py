"""Users, sessions and tokens, on a real database; the clock is the test's."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from accounts import accounts as accounts_module
from accounts.accounts import Accounts
from accounts.passwords import verify
from accounts.token_key import make_key
from jobs.errors import Conflict, NotFound, StartError
from storage import sqlite
from storage.sqlite.accounts import FileBesideServer
from tests.support.accounts import Clock, run_in_own_loop
from tests.support.accounts import do_beside_server as do

NOW = Clock().now
HOUR_SECONDS = 3600


@asynccontextmanager
async def a_server(folder, clock=None):
    """Stores and the server's view of their users."""
    async with stores_and_accounts(folder, clock) as (_, accounts):
        yield accounts


@asynccontextmanager
async def stores_and_accounts(folder, clock=None):
    stores = await sqlite.open_stores(folder)
    try:
        accounts = Accounts(stores.accounts, folder, clock or Clock())
        await accounts.load()
        yield stores, accounts
    finally:
        await stores.close()


def add(folder, name="ann", role="viewer"):
    return do(folder, "add_user", name=name, role=role, password_hash="$hash", now=NOW)


def names(folder):
    return [user.name for user in do(folder, "users")]


# Beside the server


def test_what_is_refused_leaves_nothing_behind(tmp_path):
    add(tmp_path, "bob")

    def remove_and_fail(transaction):
        transaction.execute("DELETE FROM users")
        raise Conflict("no")

    with pytest.raises(Conflict):
        run_in_own_loop(FileBesideServer(tmp_path).write(remove_and_fail))

    assert names(tmp_path) == ["bob"]


def test_a_directory_that_cannot_be_one_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="expected a directory to write to"):
        do(tmp_path / "file" / "data", "users")


# Sessions


async def test_a_session_is_known_by_its_cookie_and_survives_a_restart(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        cookie = await accounts.open_session("ann", HOUR_SECONDS)
        identity = accounts.by_session(cookie)
        assert (identity.name, identity.role, identity.how) == ("ann", "viewer", "session")
        assert accounts.is_valid(identity)
        assert accounts.by_session(cookie + "x") is None
    async with a_server(tmp_path) as accounts:
        assert accounts.by_session(cookie) == identity


async def test_a_session_ends_when_its_time_is_up(tmp_path):
    add(tmp_path)
    clock = Clock()
    async with a_server(tmp_path, clock) as accounts:
        cookie = await accounts.open_session("ann", HOUR_SECONDS)
        identity = accounts.by_session(cookie)
        clock.advance(HOUR_SECONDS - 0.001)
        assert accounts.by_session(cookie) == identity
        clock.advance(0.001)
        assert accounts.by_session(cookie) is None
        assert not accounts.is_valid(identity)


async def test_a_closed_session_ends_alone_and_stays_closed(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        closed, other = [await accounts.open_session("ann", HOUR_SECONDS) for _ in range(2)]
        identity = accounts.by_session(closed)
        await accounts.close_sessions([identity])
        assert not accounts.is_valid(identity)
        await accounts.reload()
        assert accounts.by_session(closed) is None
        assert accounts.by_session(other) is not None


async def test_a_new_session_may_end_others_and_all_of_a_user_can_be_ended(tmp_path):
    add(tmp_path)
    add(tmp_path, "bob")
    async with a_server(tmp_path) as accounts:
        old, other = [await accounts.open_session("ann", HOUR_SECONDS) for _ in range(2)]
        of_bob = await accounts.open_session("bob", HOUR_SECONDS)
        new = await accounts.open_session("ann", HOUR_SECONDS, instead_of=[accounts.by_session(old)])
        assert [accounts.by_session(one) is not None for one in (old, other, new)] == [False, True, True]

        await accounts.close_all_sessions("ann")
        for _ in range(2):
            found = [accounts.by_session(one) is not None for one in (old, other, new, of_bob)]
            assert found == [False, False, False, True]
            await accounts.reload()


async def test_whoever_wants_to_know_hears_of_each_change_that_may_end_a_sign_in(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        changes = []
        cookie = await accounts.open_session("ann", HOUR_SECONDS)
        identity = accounts.by_session(cookie)
        accounts.report_to(SimpleNamespace(sign_ins_may_have_ended=lambda: changes.append(accounts.is_valid(identity))))
        await accounts.reload()
        await accounts.close_sessions([identity])
        other = accounts.by_session(await accounts.open_session("ann", HOUR_SECONDS))
        await accounts.open_session("ann", HOUR_SECONDS, instead_of=[other])
        await accounts.close_all_sessions("ann")

        assert changes == [True, False, False, False]


async def test_what_was_accepted_before_a_change_is_on_disk_when_the_change_is_in_force(tmp_path):
    add(tmp_path)
    done = []
    async with stores_and_accounts(tmp_path) as (stores, accounts):
        accepted = asyncio.create_task(stores.database.write(lambda _: done.append("accepted")))
        await asyncio.sleep(0)
        await accounts.reload()
        assert done == ["accepted"]
        await accepted


async def test_the_name_of_the_cookie_is_the_same_after_a_restart_and_another_one_elsewhere(tmp_path):
    names = []
    for folder in ("here", "here", "there"):
        (tmp_path / folder).mkdir(exist_ok=True)
        async with a_server(tmp_path / folder) as accounts:
            names.append(accounts.cookie_name)

    assert names[0] == names[1] != names[2]
    assert all(re.fullmatch(r"sessionid_[0-9a-f]{8}", name) for name in names)


@pytest.mark.parametrize(
    ("method", "more"),
    [("set_password", {"password_hash": "new"}), ("set_role", {"role": "admin"}), ("remove_user", {})],
)
async def test_a_new_password_a_new_role_and_a_removal_end_what_is_open(tmp_path, method, more):
    add(tmp_path)
    add(tmp_path, "bob")
    async with a_server(tmp_path) as accounts:
        cookies = {name: await accounts.open_session(name, HOUR_SECONDS) for name in ("ann", "bob")}
        tokens = {name: accounts.token_of(name) for name in ("ann", "bob")}
        seen = {
            name: [accounts.by_session(cookies[name]), accounts.by_token(tokens[name]), accounts.by_password(name)]
            for name in ("ann", "bob")
        }
        await asyncio.to_thread(do, tmp_path, method, name="ann", **more)
        await accounts.reload()

        assert accounts.by_session(cookies["ann"]) is None
        assert [accounts.is_valid(identity) for identity in seen["ann"]] == [False] * 3
        assert [accounts.is_valid(identity) for identity in seen["bob"]] == [True] * 3


async def test_a_session_of_credentials_that_changed_before_it_was_written_is_none(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        await asyncio.to_thread(do, tmp_path, "set_password", name="ann", password_hash="new")
        cookie = await accounts.open_session("ann", HOUR_SECONDS)
        await accounts.reload()

        assert accounts.by_session(cookie) is None


async def test_a_session_is_of_the_credentials_of_the_moment_in_which_it_was_asked_for(tmp_path, monkeypatch):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        read = accounts._store.users_and_sessions
        opening = []

        async def read_what_changed_after_the_sign_in(now):
            opening.append(asyncio.create_task(accounts.open_session("ann", HOUR_SECONDS)))
            await asyncio.sleep(0)
            await asyncio.to_thread(do, tmp_path, "set_password", name="ann", password_hash="new")
            return await read(now)

        monkeypatch.setattr(accounts._store, "users_and_sessions", read_what_changed_after_the_sign_in)
        await accounts.reload()

        assert accounts.by_session(await opening[0]) is None


async def test_who_bears_the_name_of_somebody_removed_inherits_nothing(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        cookie, token = await accounts.open_session("ann", HOUR_SECONDS), accounts.token_of("ann")
        await asyncio.to_thread(do, tmp_path, "remove_user", name="ann")
        await asyncio.to_thread(add, tmp_path)
        await accounts.reload()

        assert (accounts.by_session(cookie), accounts.by_token(token)) == (None, None)


async def test_of_too_many_sessions_the_oldest_goes_and_never_the_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(accounts_module, "MOST_SESSIONS_A_USER", 100)
    add(tmp_path)
    add(tmp_path, "bob")
    clock = Clock()
    async with a_server(tmp_path, clock) as accounts:
        of_bob = await accounts.open_session("bob", 1)
        cookies = []
        for _ in range(100):
            cookies.append(await accounts.open_session("ann", HOUR_SECONDS))
            clock.advance(0.001)
        short = await accounts.open_session("ann", 10)

        assert accounts.by_session(cookies[0]) is None
        assert None not in map(accounts.by_session, [*cookies[1:], short, of_bob])
        await accounts.reload()
        assert accounts.by_session(cookies[0]) is None
        assert None not in map(accounts.by_session, [*cookies[1:], short, of_bob])


async def test_sessions_that_ran_out_are_removed_when_another_is_opened(tmp_path):
    add(tmp_path)
    clock = Clock()
    async with a_server(tmp_path, clock) as accounts:
        for _ in range(3):
            await accounts.open_session("ann", 1)
        clock.advance(1)
        await accounts.open_session("ann", 1)

    _, sessions = do(tmp_path, "users_and_sessions", now=0)
    assert len(sessions) == 1


async def test_a_session_that_is_opened_during_a_reload_is_not_forgotten(tmp_path, monkeypatch):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        store = accounts._store
        read, write = store.users_and_sessions, store.add_session
        writes, opening = [], []

        def noted_write(*session):
            writes.append(session)
            return write(*session)

        async def read_and_dawdle(now):
            found = await read(now)
            opening.append(asyncio.create_task(accounts.open_session("ann", HOUR_SECONDS)))
            await asyncio.sleep(0)
            if writes:
                await opening[0]
            return found

        monkeypatch.setattr(store, "add_session", noted_write)
        monkeypatch.setattr(store, "users_and_sessions", read_and_dawdle)
        await accounts.reload()

        assert accounts.by_session(await opening[0]) is not None


async def test_a_session_of_an_unknown_user_is_refused(tmp_path):
    async with a_server(tmp_path) as accounts:
        with pytest.raises(NotFound, match="eve"):
            await accounts.open_session("eve", HOUR_SECONDS)


# Tokens


async def test_a_token_is_the_same_until_it_is_renewed(tmp_path):
    add(tmp_path)
    add(tmp_path, "bob")
    async with a_server(tmp_path) as accounts:
        token = accounts.token_of("ann")
        identity = accounts.by_token(token)
        assert (identity.name, identity.how, identity.session) == ("ann", "token", None)
        assert accounts.token_of("bob") != token
    async with a_server(tmp_path) as accounts:
        assert accounts.token_of("ann") == token
        await asyncio.to_thread(do, tmp_path, "renew_token", name="ann")
        await accounts.reload()
        assert accounts.by_token(token) is None
        assert not accounts.is_valid(identity)
        assert accounts.by_token(accounts.token_of("ann")).name == "ann"


@pytest.mark.parametrize("token", ["", "x", "ü", "\udc80", "0" * 64])
async def test_what_is_no_token_or_cookie_is_nobodys(tmp_path, token):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        assert (accounts.by_token(token), accounts.by_session(token)) == (None, None)


async def test_neither_cookie_nor_token_is_stored(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        secrets = [await accounts.open_session("ann", HOUR_SECONDS), accounts.token_of("ann")]
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert [secret for secret in secrets if secret.encode() in stored] == []


async def test_the_key_is_made_once_for_the_owner_alone(tmp_path):
    path = tmp_path / "secret.key"
    async with a_server(tmp_path):
        key = path.read_bytes()
        assert (len(key), path.stat().st_mode & 0o777) == (32, 0o600)
    make_key(path)
    async with a_server(tmp_path):
        assert path.read_bytes() == key

    assert sorted(file.name for file in tmp_path.glob("secret*")) == ["secret.key"]


async def test_a_damaged_key_stops_the_start(tmp_path):
    (tmp_path / "secret.key").write_bytes(b"short")
    with pytest.raises(StartError, match=r"secret\.key: expected a key of 32 bytes, got 5"):
        async with a_server(tmp_path):
            pass


# The first start


async def test_the_first_start_makes_an_admin_with_a_password_that_is_told_once(tmp_path):
    async with a_server(tmp_path) as accounts:
        password = await accounts.ensure_admin(None)
        admin = accounts.user("admin")
        assert (admin.role, verify(admin.password_hash, password)) == ("admin", True)
        assert await accounts.ensure_admin(None) is None
    async with a_server(tmp_path) as accounts:
        assert await accounts.ensure_admin("another") is None
        assert accounts.user("admin") == admin


async def test_a_password_from_the_environment_is_taken_and_not_told(tmp_path):
    async with a_server(tmp_path) as accounts:
        assert await accounts.ensure_admin("from outside") is None
        assert verify(accounts.user("admin").password_hash, "from outside")


async def test_a_password_from_the_environment_that_can_be_none_stops_the_start(tmp_path):
    async with a_server(tmp_path) as accounts:
        with pytest.raises(StartError, match=r"HOURGLASS_ADMIN_PASSWORD: .*1 to 1024"):
            await accounts.ensure_admin("x" * 1025)


async def test_where_there_are_users_no_admin_is_made(tmp_path):
    add(tmp_path)
    async with a_server(tmp_path) as accounts:
        assert await accounts.ensure_admin(None) is None

    assert names(tmp_path) == ["ann"]


async def test_of_two_first_starts_one_makes_the_admin_and_tells_the_right_password(tmp_path):
    async with a_server(tmp_path) as one, a_server(tmp_path) as other:
        told = await asyncio.gather(one.ensure_admin(None), other.ensure_admin(None))
        (password,) = filter(None, told)

        assert verify(one.user("admin").password_hash, password)
        assert one.user("admin") == other.user("admin")
