"""Passwords, and who may try how many of them.

argon2 is real, with parameters that cost little; a test that must hold it up has a gate before it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager

import argon2
import pytest

import jobs.clock
from accounts import signin
from accounts.accounts import Accounts
from accounts.lines import Line, Lines
from accounts.lockout import MOST_REMEMBERED, FailureTable, network_of
from accounts.passwords import NOBODY, hash_password, verify
from accounts.settings import AuthSettings
from accounts.signin import SignIn
from jobs.errors import InvalidInput, TooManyAttempts
from storage import sqlite
from tests.faults.support import PATIENCE_SECONDS
from tests.support.accounts import Clock, do_beside_server

ANN, HERE, ELSEWHERE = "ann", "192.0.2.1", "192.0.2.2"
WHO = (ANN, HERE)


class Verifications:
    """Counts the passwords that are looked at, and holds them up where the gate is shut."""

    def __init__(self, verify=verify):
        self.verify = verify
        self.count = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()

    def __call__(self, password_hash, password):
        self.count += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.at_gate.set()
        self.gate.wait(PATIENCE_SECONDS)
        self.at_once -= 1
        return self.verify(password_hash, password)


@pytest.fixture
def verifications(monkeypatch):
    counting = Verifications()
    monkeypatch.setattr(signin, "verify", counting)
    yield counting
    counting.gate.set()


@pytest.fixture
def quick(monkeypatch):
    """As `verifications`, without argon2, for tests of who comes when."""
    counting = Verifications(lambda _, password: password == "right")
    monkeypatch.setattr(signin, "verify", counting)
    yield counting
    counting.gate.set()


@asynccontextmanager
async def a_sign_in(folder, clock=None, **settings):
    """A SignIn with the user ann; `sign_in.accounts` and `sign_in.change` are for the test."""
    clock = clock or Clock()
    stores = await sqlite.open_stores(folder)
    try:
        await stores.accounts.add_user(ANN, "viewer", hash_password("right"), clock())
        accounts = Accounts(stores.accounts, folder, clock)
        await accounts.load()
        sign_in = SignIn(accounts, AuthSettings(**settings), clock)
        try:
            yield sign_in, accounts
        finally:
            sign_in.close()
    finally:
        await stores.close()


async def change(folder, accounts, method, **more):
    await asyncio.to_thread(do_beside_server, folder, method, name=ANN, **more)
    await accounts.reload()


async def outcomes(*attempts):
    return await asyncio.gather(*attempts, return_exceptions=True)


# The table


def is_shut(table, who, now):
    try:
        table.check(who, now)
    except TooManyAttempts:
        return True
    return False


def test_the_door_shuts_after_so_many_wrong_passwords_within_a_minute_and_for_so_long():
    table = FailureTable(most_wrong=3, lockout_seconds=10)
    assert [table.wrong(WHO, now) for now in (0, 30_000, 59_999)] == [False, False, True]

    assert is_shut(table, WHO, 59_999)
    assert is_shut(table, WHO, 69_998)
    assert not is_shut(table, WHO, 69_999)


def test_how_long_to_wait_is_told_in_whole_seconds_and_never_too_short():
    table = FailureTable(most_wrong=1, lockout_seconds=10)
    table.wrong(WHO, 0)

    for now, seconds in ((0, 10), (1, 10), (1000, 9), (9999, 1)):
        with pytest.raises(TooManyAttempts, match=f"in {seconds} s") as refused:
            table.check(WHO, now)
        assert refused.value.retry_after_seconds == seconds


def test_wrong_passwords_more_than_a_minute_apart_do_not_add_up():
    table = FailureTable(most_wrong=3, lockout_seconds=10)
    for now in (0, 30_000, 60_000, 90_000, 120_000):
        assert not table.wrong(WHO, now)

    assert table.wrong(WHO, 120_001)


def test_after_the_lockout_as_many_are_allowed_again():
    table = FailureTable(most_wrong=2, lockout_seconds=1)

    assert [table.wrong(WHO, now) for now in (0, 1, 1001, 1002)] == [False, True, False, True]


def test_a_door_is_shut_for_one_name_from_one_address():
    table = FailureTable(most_wrong=1, lockout_seconds=10)
    table.wrong(WHO, 0)

    assert [is_shut(table, who, 0) for who in (WHO, (ANN, ELSEWHERE), ("bob", HERE))] == [True, False, False]


def test_the_right_password_clears_the_wrong_ones():
    table = FailureTable(most_wrong=2, lockout_seconds=10)
    table.wrong(WHO, 0)
    table.right(WHO)

    assert not table.wrong(WHO, 0)


def test_the_table_is_bounded_and_the_oldest_go():
    table = FailureTable(most_wrong=1, lockout_seconds=10)
    for number in range(MOST_REMEMBERED + 1):
        table.wrong((str(number), HERE), 0)

    assert len(table) == MOST_REMEMBERED
    assert [is_shut(table, (str(number), HERE), 0) for number in (0, 1, MOST_REMEMBERED)] == [False, True, True]


def test_wrong_passwords_for_other_names_push_out_no_door_that_is_shut():
    table = FailureTable(most_wrong=2, lockout_seconds=60)
    table.wrong(WHO, 0)
    table.wrong(WHO, 0)
    for number in range(2 * MOST_REMEMBERED):
        table.wrong((str(number), HERE), 1)

    assert is_shut(table, WHO, 1)
    assert len(table) == MOST_REMEMBERED + 1


def test_doors_that_have_opened_are_forgotten_first():
    table = FailureTable(most_wrong=1, lockout_seconds=10)
    for number in range(100):
        table.wrong((str(number), HERE), 0)
    table.wrong(WHO, 10_000)

    assert len(table) == 1


# The line


class Someone:
    def __init__(self, name, is_over=False):
        self.name = name
        self.is_over = is_over


def order_of(line):
    found = []
    while (one := line.next(lambda one: one.is_over)) is not None:
        found.append(one.name)
    return found


def test_networks_take_turns():
    line = Line(100, 100)
    for network, name in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")]:
        assert line.join(network, Someone(name)) is None

    assert order_of(line) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert len(line) == 0


def test_who_has_gone_takes_no_turn():
    line = Line(100, 100)
    for network, name, has_gone in [("a", "a1", True), ("a", "a2", False), ("b", "b1", False), ("c", "c1", True)]:
        line.join(network, Someone(name, has_gone))

    assert order_of(line) == ["a2", "b1"]
    assert len(line) == 0


def test_a_network_has_a_bounded_line():
    line = Line(100, 2)
    line.join("a", Someone("a1"))
    line.join("a", Someone("a2"))
    with pytest.raises(TooManyAttempts):
        line.join("a", Someone("a3"))
    line.join("b", Someone("b1"))

    assert order_of(line) == ["a1", "b1", "a2"]


def test_when_all_places_are_taken_the_longest_line_gives_way_to_a_shorter_one():
    line = Line(3, 100)
    for name in ("a1", "a2", "a3"):
        line.join("a", Someone(name))

    assert line.join("b", Someone("b1")).name == "a3"
    with pytest.raises(TooManyAttempts):
        line.join("b", Someone("b2"))
    assert len(line) == 3
    assert order_of(line) == ["a1", "b1", "a2"]


def test_networks_that_guess_and_networks_that_are_not_known_share_turns_with_known_ones():
    lines = Lines(100, 100)
    for network in "abc":
        lines.wrong(network, 0)
        lines.join(network, Someone(f"{network}1"), 59_999)
    lines.right("d")
    for name in ("d1", "d2", "e1", "f1", "g1"):
        lines.join(name[0], Someone(name), 59_999)

    assert order_of(lines) == ["d1", "e1", "a1", "d2", "f1", "b1", "g1", "c1"]


def test_a_wrong_password_makes_a_network_wait_longer_for_a_minute():
    lines = Lines(100, 100)
    lines.right("a")
    lines.wrong("a", 0)
    lines.join("a", Someone("a1"), 59_999)
    lines.join("a", Someone("a2"), 60_000)
    lines.join("b", Someone("b1"), 60_000)

    assert order_of(lines) == ["a2", "b1", "a1"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_addresses_of_one_ipv6_network_are_one(address, network):
    assert network_of(address) == network


# Checking a password


async def test_the_right_password_tells_who_it_is(tmp_path):
    async with a_sign_in(tmp_path) as (sign_in, accounts):
        identity = await sign_in.check(ANN, "right", HERE)

        assert (identity.name, identity.role, identity.session) == (ANN, "viewer", None)
        assert accounts.is_valid(identity)


@pytest.mark.parametrize(
    ("name", "password"),
    [(ANN, "wrong"), (ANN, ""), (ANN, "right "), (ANN, "x" * 2000), (ANN, "\ud800"), ("eve", "right"), ("", "right"),
     ("x" * 100_000, "right"), ("\ud800", "right")],
)  # fmt: skip
async def test_a_wrong_name_or_password_is_nobody(tmp_path, name, password):
    async with a_sign_in(tmp_path) as (sign_in, _):
        assert await sign_in.check(name, password, HERE) is None
        assert await sign_in.check_basic(name, password, HERE) is None


async def test_for_an_unknown_name_a_hash_of_the_same_cost_is_looked_at(tmp_path, monkeypatch, real_hashes):
    looked_at = []
    monkeypatch.setattr(signin, "verify", lambda password_hash, _: looked_at.append(password_hash))
    async with a_sign_in(tmp_path) as (sign_in, accounts):
        for name in (ANN, "eve"):
            await sign_in.check(name, "x", HERE)
        assert looked_at == [accounts.user(ANN).password_hash, NOBODY]

    of_ann, of_nobody = map(argon2.extract_parameters, looked_at)
    assert of_ann == of_nobody
    assert not verify(NOBODY, "x")


async def test_of_a_hundred_wrong_passwords_at_once_ten_are_looked_at_one_by_one(tmp_path, verifications):
    async with a_sign_in(tmp_path) as (sign_in, _):
        found = await outcomes(*(sign_in.check(ANN, "wrong", HERE) for _ in range(100)))

    assert found.count(None) == 10
    assert sum(isinstance(outcome, TooManyAttempts) for outcome in found) == 90
    assert (verifications.count, verifications.most_at_once) == (10, 1)


async def test_behind_a_shut_door_not_even_the_right_password_is_looked_at(tmp_path, verifications):
    clock = Clock()
    async with a_sign_in(tmp_path, clock, wrong_passwords=2, lockout_seconds=60) as (sign_in, _):
        assert await sign_in.check_basic(ANN, "right", HERE)
        await outcomes(*(sign_in.check_basic(ANN, "wrong", HERE) for _ in range(2)))
        before = verifications.count
        for check in (sign_in.check, sign_in.check_basic):
            with pytest.raises(TooManyAttempts):
                await check(ANN, "right", HERE)
        assert verifications.count == before
        assert await sign_in.check(ANN, "right", ELSEWHERE)
        clock.advance(60)
        assert await sign_in.check(ANN, "right", HERE)


async def test_whose_door_is_shut_does_not_wait_in_the_line_to_hear_it(tmp_path, verifications):
    async with a_sign_in(tmp_path, wrong_passwords=1) as (sign_in, _):
        await sign_in.check(ANN, "wrong", HERE)
        verifications.gate.clear()
        before = asyncio.create_task(sign_in.check("bob", "x", HERE))
        await asyncio.sleep(0)
        with pytest.raises(TooManyAttempts):
            await sign_in.check(ANN, "right", HERE)
        assert not before.done()
        verifications.gate.set()
        await before


async def test_a_right_password_between_wrong_ones_keeps_the_door_open(tmp_path):
    async with a_sign_in(tmp_path, wrong_passwords=2) as (sign_in, _):
        for _ in range(3):
            assert await sign_in.check(ANN, "wrong", HERE) is None
            assert await sign_in.check(ANN, "right", HERE)


async def test_long_names_fill_no_memory_and_share_a_door(tmp_path):
    async with a_sign_in(tmp_path, wrong_passwords=1) as (sign_in, _):
        await sign_in.check("x" * 100_000 + "1", "wrong", HERE)
        with pytest.raises(TooManyAttempts):
            await sign_in.check("x" * 100_000 + "2", "wrong", HERE)

        assert [len(name) for name, _ in sign_in._failures._locked] == [65]


async def test_a_thousand_people_behind_one_address_are_all_served(tmp_path, quick):
    async with a_sign_in(tmp_path) as (sign_in, _):
        found = await outcomes(*(sign_in.check(ANN, "right", HERE) for _ in range(1000)))

    assert {identity.name for identity in found} == {ANN}


async def test_a_line_that_is_too_long_is_not_joined(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(signin, "LONGEST_LINE_OF_ONE", 5)
    async with a_sign_in(tmp_path) as (sign_in, _):
        quick.gate.clear()
        waiting = [asyncio.create_task(sign_in.check("first", "x", HERE))]
        await asyncio.to_thread(quick.at_gate.wait)
        waiting += [asyncio.create_task(sign_in.check(str(number), "x", HERE)) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyAttempts) as refused:
            await sign_in.check(ANN, "right", HERE)
        quick.gate.set()
        await asyncio.gather(*waiting)

        assert refused.value.retry_after_seconds == 1
        assert await sign_in.check(ANN, "right", HERE)


async def test_a_crowd_from_one_address_delays_nobody_from_another(tmp_path, quick):
    async with a_sign_in(tmp_path) as (sign_in, _):
        quick.gate.clear()
        crowd = [asyncio.create_task(sign_in.check(str(number), "x", HERE)) for number in range(8)]
        await asyncio.to_thread(quick.at_gate.wait)
        honest = asyncio.create_task(sign_in.check(ANN, "right", ELSEWHERE))
        await asyncio.sleep(0)
        quick.gate.set()

        assert await honest
        assert quick.count <= 4
        await asyncio.gather(*crowd)


async def test_the_password_of_one_who_has_gone_is_not_looked_at(tmp_path, quick):
    async with a_sign_in(tmp_path) as (sign_in, _):
        quick.gate.clear()
        first = asyncio.create_task(sign_in.check(ANN, "right", HERE))
        await asyncio.to_thread(quick.at_gate.wait)
        gone = [asyncio.create_task(sign_in.check(ANN, "right", HERE, is_gone=lambda: True)) for _ in range(10)]
        await asyncio.sleep(0)
        quick.gate.set()

        assert await first
        assert await asyncio.gather(*gone) == [None] * 10
        assert quick.count == 1


async def test_a_guess_counts_even_if_its_client_goes_while_it_is_looked_at(tmp_path, quick):
    async with a_sign_in(tmp_path, wrong_passwords=1) as (sign_in, _):
        quick.gate.clear()
        guess = asyncio.create_task(sign_in.check(ANN, "wrong", HERE))
        await asyncio.to_thread(quick.at_gate.wait)
        guess.cancel()
        after = asyncio.create_task(sign_in.check(ANN, "right", HERE))
        await asyncio.sleep(0)
        quick.gate.set()

        with pytest.raises(TooManyAttempts):
            await after


@pytest.mark.parametrize("password", ["", "x" * 1025, "\ud800"])
async def test_what_cannot_be_a_password_needs_no_hash_and_counts_all_the_same(tmp_path, quick, password):
    async with a_sign_in(tmp_path, wrong_passwords=2) as (sign_in, _):
        assert [await sign_in.check(ANN, password, HERE) for _ in range(2)] == [None, None]
        with pytest.raises(TooManyAttempts):
            await sign_in.check(ANN, "right", HERE)

    assert quick.count == 0


async def test_a_flood_of_empty_passwords_opens_no_door_that_is_shut(tmp_path, quick):
    async with a_sign_in(tmp_path, wrong_passwords=1) as (sign_in, _):
        await sign_in.check(ANN, "wrong", HERE)
        for number in range(MOST_REMEMBERED + 400):
            await sign_in.check(str(number), "", HERE)

        with pytest.raises(TooManyAttempts):
            await sign_in.check(ANN, "right", HERE)


async def test_a_lockout_goes_by_a_clock_that_nobody_can_set(tmp_path, monkeypatch):
    stores = await sqlite.open_stores(tmp_path)
    await stores.accounts.add_user(ANN, "viewer", hash_password("right"), 0)
    accounts = Accounts(stores.accounts, tmp_path, Clock())
    await accounts.load()
    sign_in = SignIn(accounts, AuthSettings(wrong_passwords=1))
    try:
        monkeypatch.setattr(jobs.clock, "time_ns", lambda: 0)
        monkeypatch.setattr(time, "time", lambda: 0.0)
        await sign_in.check(ANN, "wrong", HERE)
        monkeypatch.setattr(jobs.clock, "monotonic_ns", lambda: time.monotonic_ns() + 61 * 10**9)
        assert await sign_in.check(ANN, "right", HERE)
    finally:
        sign_in.close()
        await stores.close()


async def test_a_password_that_is_changed_while_it_is_looked_at_is_no_longer_right(tmp_path, verifications):
    async with a_sign_in(tmp_path) as (sign_in, accounts):
        verifications.gate.clear()
        checking = asyncio.create_task(sign_in.check_basic(ANN, "right", HERE))
        await asyncio.to_thread(verifications.at_gate.wait)
        await change(tmp_path, accounts, "set_password", password_hash=hash_password("new"))
        verifications.gate.set()

        assert await checking is None
        assert await sign_in.check_basic(ANN, "right", HERE) is None


async def test_a_lockout_is_logged_without_what_may_be_a_password(tmp_path, caplog):
    async with a_sign_in(tmp_path, wrong_passwords=1) as (sign_in, _):
        await sign_in.check("my secret", "x", HERE)
        await sign_in.check(ANN, "my secret", HERE)

    assert [record.getMessage() for record in caplog.records] == [
        f"too many wrong passwords for an unknown name from {HERE}",
        f"too many wrong passwords for ann from {HERE}",
    ]


# Basic


async def test_right_basic_credentials_are_looked_at_once_for_a_while(tmp_path, verifications):
    clock = Clock()
    async with a_sign_in(tmp_path, clock, basic_seconds=60) as (sign_in, _):
        first = await sign_in.check_basic(ANN, "right", HERE)
        clock.advance(59.999)
        assert await sign_in.check_basic(ANN, "right", ELSEWHERE) == first
        assert verifications.count == 1
        clock.advance(0.001)
        assert await sign_in.check_basic(ANN, "right", HERE) == first
        assert verifications.count == 2


async def test_many_right_basic_credentials_at_once_are_looked_at_once(tmp_path, verifications):
    async with a_sign_in(tmp_path) as (sign_in, _):
        found = await asyncio.gather(*(sign_in.check_basic(ANN, "right", HERE) for _ in range(20)))

    assert (len(set(found)), verifications.count) == (1, 1)


async def test_where_basic_is_not_to_be_remembered_it_is_looked_at_each_time(tmp_path, verifications):
    async with a_sign_in(tmp_path, basic_seconds=0) as (sign_in, _):
        for _ in range(2):
            assert await sign_in.check_basic(ANN, "right", HERE)

    assert verifications.count == 2


async def test_wrong_basic_credentials_are_looked_at_each_time_and_count(tmp_path, verifications):
    async with a_sign_in(tmp_path, wrong_passwords=2) as (sign_in, _):
        assert await sign_in.check_basic(ANN, "right", HERE)
        found = await outcomes(*(sign_in.check_basic(ANN, "wrong", HERE) for _ in range(3)))

    assert found[:2] == [None, None]
    assert isinstance(found[2], TooManyAttempts)
    assert verifications.count == 3


@pytest.mark.parametrize(
    ("method", "more", "still"),
    [
        ("set_password", {"password_hash": hash_password("new")}, False),
        ("remove_user", {}, False),
        ("renew_token", {}, True),
    ],
)
async def test_remembered_basic_credentials_end_with_those_of_the_user(tmp_path, method, more, still):
    async with a_sign_in(tmp_path) as (sign_in, accounts):
        assert await sign_in.check_basic(ANN, "right", HERE)
        await change(tmp_path, accounts, method, **more)

        assert (await sign_in.check_basic(ANN, "right", HERE) is not None) == still


async def test_remembered_basic_credentials_have_the_role_of_now(tmp_path):
    async with a_sign_in(tmp_path) as (sign_in, accounts):
        assert (await sign_in.check_basic(ANN, "right", HERE)).role == "viewer"
        await change(tmp_path, accounts, "set_role", role="admin")

        assert (await sign_in.check_basic(ANN, "right", HERE)).role == "admin"


# Passwords


@pytest.mark.parametrize("password", ["x", " ", "\0", "pässwörd", "😀" * 1024])
def test_any_text_can_be_a_password(password):
    password_hash = hash_password(password)

    assert password not in password_hash or password == "x"
    assert verify(password_hash, password)
    assert not verify(password_hash, password[:-1] + "y")


@pytest.mark.parametrize(("password", "got"), [("", "got 0"), ("x" * 1025, "got 1025"), ("\ud800", "UTF-8")])
def test_what_can_be_no_password_is_refused_without_showing_it(password, got):
    with pytest.raises(InvalidInput, match=got) as refused:
        hash_password(password)

    assert not password or password not in str(refused.value)
