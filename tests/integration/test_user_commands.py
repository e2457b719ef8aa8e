"""`server.py user …` with and without a server on its socket, in this process and as a program of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop

from accounts import reload_socket
from accounts.accounts import Accounts
from accounts.passwords import verify
from accounts.reload_socket import listen, notify
from jobs.errors import HourglassError, StartError
from storage import sqlite
from tests.support.accounts import do_beside_server, user_command

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, str(ROOT / "server.py"), "user"]


def user(data_dir, *words, given=b""):
    """Runs the command: its exit code, and what it says and complains of."""
    return user_command(*words, "--data-dir", str(data_dir), given=given)


def accept(data_dir, *words, given=b""):
    code, said, complained = user(data_dir, *words, given=given)
    assert (code, complained) == (0, "")
    return said


def refuse(data_dir, *words, given=b"", code=1):
    """What it complains of: one sentence, nothing on standard output."""
    found, said, complained = user(data_dir, *words, given=given)
    assert (found, said, complained.count("\n")) == (code, "", 1)
    return complained


def users_of(data_dir):
    return {one.name: one for one in do_beside_server(data_dir, "users")}


async def in_thread(function, *arguments, **more):
    return await asyncio.to_thread(function, *arguments, **more)


# The commands


def test_the_life_of_a_user_without_a_server(tmp_path):
    data_dir = tmp_path / "new" / "data"
    assert "no users yet" in accept(data_dir, "list")
    accept(data_dir, "add", "root", "--role", "admin", given=b"first\n")
    accept(data_dir, "add", "ann", given=b"second\n")
    assert [(one.name, one.role) for one in users_of(data_dir).values()] == [("ann", "viewer"), ("root", "admin")]
    accept(data_dir, "role", "ann", "admin")
    accept(data_dir, "password", "ann", given=b"third\n")
    ann = users_of(data_dir)["ann"]
    assert (ann.role, verify(ann.password_hash, "third")) == ("admin", True)
    assert ann.token_generation not in accept(data_dir, "renew-token", "ann")
    assert users_of(data_dir)["ann"].token_generation != ann.token_generation
    accept(data_dir, "remove", "root")
    assert [line.split()[:2] for line in accept(data_dir, "list").splitlines()] == [["ann", "admin"]]


def test_a_password_is_one_line_without_its_end(tmp_path):
    for number, given in enumerate([b"p w\nmore\n", b"p w", b"p w\r\n"]):
        accept(tmp_path, "add", f"user{number}", given=given)

    assert [verify(one.password_hash, "p w") for one in users_of(tmp_path).values()] == [True] * 3


def test_a_program_of_its_own_says_the_same_and_exits_with_the_same(tmp_path):
    for words, code in ((["add", "ann"], 0), (["add", "ann"], 1), (["add"], 2)):
        command = [*PROGRAM, *words, "--data-dir", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, input=b"x\n", capture_output=True, check=False)
        assert done.returncode == code
        if code == 0:
            assert (done.stdout.decode(), done.stderr) == ("ann may now sign in as viewer.\n", b"")
            assert verify(users_of(tmp_path)["ann"].password_hash, "x")
        else:
            assert user(tmp_path, *words, given=b"x\n") == (code, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("given", [b"", b"\n", b"x" * 1025, b"\xff\n"])
def test_what_is_no_password_adds_nobody(tmp_path, given):
    assert "assword" in refuse(tmp_path, "add", "ann", given=given)
    assert users_of(tmp_path) == {}


def test_what_cannot_be_done_is_refused_in_one_sentence(tmp_path):
    accept(tmp_path, "add", "root", "--role", "admin", given=b"x\n")

    assert "already a user root" in refuse(tmp_path, "add", "root", given=b"x\n")
    assert "1 to 64" in refuse(tmp_path, "add", "a b", given=b"x\n")
    assert "last admin" in refuse(tmp_path, "remove", "root")
    assert "last admin" in refuse(tmp_path, "role", "root", "viewer")
    for words in (["password", "eve"], ["role", "eve", "admin"], ["renew-token", "eve"], ["remove", "eve"]):
        assert "there are: root" in refuse(tmp_path, *words, given=b"x\n")


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["add"], ["add", "ann", "--role", "king"], ["role", "ann"], ["role", "ann", "king"],
     ["list", "more"], ["add", "ann", "password"], ["list", "--set", "nonsense"], ["list", "--config", "/none"],
     ["list", "--set", "auth.none=1"], ["list", "--data", "x"]],
)  # fmt: skip
def test_wrong_words_and_a_wrong_configuration_end_with_2(tmp_path, words):
    refuse(tmp_path, *words, code=2)


def test_a_directory_that_cannot_be_used_ends_with_2(tmp_path):
    (tmp_path / "file").write_text("")

    assert "[storage] data_dir" in refuse(tmp_path / "file", "list", code=2)


def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "hourglass.db").write_bytes(b"nonsense" * 1000)

    assert "not a database" in refuse(tmp_path, "list")


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_options_of_the_configuration_may_stand_before_and_after_the_command(tmp_path, place):
    (tmp_path / "x.ini").write_text("[storage]\ndata_dir = here\n")
    option = ["--config", str(tmp_path / "x.ini")]
    words = [*option, "add", "ann"] if place == "before" else ["add", "ann", *option]
    subprocess.run([*PROGRAM, *words], cwd=ROOT, input=b"x\n", check=True, capture_output=True)

    assert list(users_of(tmp_path / "here")) == ["ann"]


# While a server runs


async def test_a_change_is_in_force_in_the_server_when_the_command_ends(tmp_path):
    stores = await sqlite.open_stores(tmp_path)
    try:
        accounts = Accounts(stores.accounts, tmp_path, lambda: 0)
        await accounts.load()
        async with listen(tmp_path, accounts.reload):
            await in_thread(accept, tmp_path, "add", "ann", given=b"x\n")
            before = accounts.user("ann")
            await in_thread(accept, tmp_path, "role", "ann", "admin")
            after = accounts.user("ann")
    finally:
        await stores.close()

    assert (before.role, after.role) == ("viewer", "admin")
    assert before.credentials != after.credentials


async def test_a_server_that_does_not_take_a_change_up_is_complained_of(tmp_path, caplog):
    calls = []

    async def fail():
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("no")

    async with listen(tmp_path, fail):
        complained = await in_thread(refuse, tmp_path, "add", "ann", given=b"x\n")

    assert "The change is stored, but the running server" in complained
    assert "a change of accounts could not be applied" in caplog.text
    assert list(users_of(tmp_path)) == ["ann"]


async def test_a_list_notifies_nobody(tmp_path):
    calls = []

    async def count():
        calls.append(1)

    async with listen(tmp_path, count):
        await in_thread(accept, tmp_path, "list")

    assert calls == [1]


# The socket


def listening(test):
    """Runs the coroutine on both kinds of loop that the server may have."""

    @pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
    def run(tmp_path, new_loop):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(asyncio.wait_for(test(tmp_path), 60))

    run.__name__ = test.__name__
    return run


@listening
async def test_a_notification_returns_when_the_server_has_acted(tmp_path):
    acting, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def act():
        acting.set()
        await may_end.wait()
        ended.append(1)

    may_end.set()
    async with listen(tmp_path, act):
        may_end.clear()
        acting.clear()
        notifying = asyncio.create_task(in_thread(notify, tmp_path))
        await acting.wait()
        assert not notifying.done()
        may_end.set()
        assert await notifying
        assert ended == [1, 1]


@listening
async def test_what_changed_before_the_server_listens_is_taken_up_at_once(tmp_path):
    calls = []

    async def count():
        calls.append(1)

    async with listen(tmp_path, count):
        assert calls == [1]


@listening
async def test_many_notifications_at_once_are_all_answered(tmp_path):
    async with listen(tmp_path, nothing):
        assert await asyncio.gather(*(in_thread(notify, tmp_path) for _ in range(20))) == [True] * 20


@listening
async def test_after_a_failure_the_next_notification_is_answered_again(tmp_path):
    outcomes = iter([None, RuntimeError("no"), None])

    async def fail_once():
        if error := next(outcomes):
            raise error

    async with listen(tmp_path, fail_once):
        with pytest.raises(HourglassError, match="its log says why"):
            await in_thread(notify, tmp_path)
        assert await in_thread(notify, tmp_path)


async def test_a_command_that_is_killed_before_the_answer_disturbs_nobody(tmp_path, caplog):
    gone = asyncio.Event()
    gone.set()
    async with listen(tmp_path, gone.wait):
        gone.clear()
        with reload_socket._path(tmp_path) as path, socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        gone.set()
        assert await in_thread(notify, tmp_path)

    assert caplog.records == []


@listening
async def test_the_socket_may_lie_deep_is_the_owners_alone_and_goes_with_the_server(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    async with listen(deep, nothing):
        assert (deep / "bell.sock").stat().st_mode & 0o777 == 0o600
        assert await in_thread(notify, deep)

    assert list(deep.iterdir()) == []
    assert not notify(deep)


@listening
async def test_the_socket_of_a_killed_server_is_no_error_and_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as left, reload_socket._path(tmp_path) as path:
        left.bind(path)
    assert (tmp_path / "bell.sock").is_socket()
    assert not notify(tmp_path)

    async with listen(tmp_path, nothing):
        assert await in_thread(notify, tmp_path)


def test_a_server_that_hangs_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(reload_socket, "PATIENCE_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX) as silent, reload_socket._path(tmp_path) as path:
        silent.bind(path)
        silent.listen()
        with pytest.raises(HourglassError, match="restart it"):
            notify(tmp_path)


async def test_a_directory_that_cannot_hold_the_socket_stops_the_start(tmp_path):
    (tmp_path / "bell.sock").mkdir()
    with pytest.raises(StartError, match="can hold a socket"):
        async with listen(tmp_path, nothing):
            pass


async def test_no_descriptor_is_left(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with suppress(ZeroDivisionError):
            async with listen(tmp_path, nothing):
                await in_thread(notify, tmp_path)
                raise ZeroDivisionError

    assert set(os.listdir("/proc/self/fd")) == before


async def nothing():
    pass


@pytest.mark.parametrize(("redirect", "code"), [(">/dev/full", 1), (">&-", 0)])
def test_an_output_that_cannot_be_written_is_no_traceback(tmp_path, redirect, code):
    accept(tmp_path, "add", "ann", given=b"x\n")
    for words in ("user list", "user --help", "--help"):
        command = f"{sys.executable} {ROOT / 'server.py'} {words} {redirect}"
        command += f" --data-dir={tmp_path}" if words == "user list" else ""
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)
        assert "Traceback" not in done.stderr
        assert done.returncode == (code if words == "user list" else 0)
