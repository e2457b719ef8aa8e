"""`server.py certificates …`: what it writes, read by the TLS of Python, and what it refuses."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from cryptography import x509

from commands.authority import CLOCK_DIFFERENCE, VALID, Certified, certify, new_authority, read_authority
from commands.certificate_files import CertificateFiles
from jobs.errors import Conflict
from tests.support.commands import run_command

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)


def certificates(data_dir, *words):
    """Runs the command: its exit code, and what it says and complains of."""
    return run_command("certificates", *words, "--data-dir", str(data_dir))


def accept(data_dir, *words):
    code, said, complained = certificates(data_dir, *words)
    assert (code, complained) == (0, "")
    return said


def refuse(data_dir, *words, code=1):
    """What it complains of: one line, nothing on standard output."""
    found, said, complained = certificates(data_dir, *words)
    assert (found, said, complained.count("\n")) == (code, "", 1)
    return complained


@pytest.fixture
def data_dir(tmp_path):
    """One with an authority."""
    accept(tmp_path / "data", "ca")
    return tmp_path / "data"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def certificate_of(data_dir, name):
    return x509.load_pem_x509_certificate((data_dir / f"tls/{name}.pem").read_bytes())


# What the certificates are good for


def end_of(kind, folder, name, trusts=None):
    """One end of a connection: it shows its certificate, demands one, and is as strict as Python 3.13."""
    context = ssl.SSLContext(kind)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations((trusts or folder) / "ca.pem")
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def takes(*arguments, **more):
    return end_of(ssl.PROTOCOL_TLS_SERVER, *arguments, **more)


def opens(*arguments, **more):
    return end_of(ssl.PROTOCOL_TLS_CLIENT, *arguments, **more)


def meet(taker, opener, expected):
    """What each of two ends calls the other after both have heard it, or why it does not trust it."""

    def names_other(plain, context, **how):
        plain.settimeout(60)
        with plain, context.wrap_socket(plain, **how) as end:
            end.sendall(b"x")
            end.recv(1)
            return dict(part for parts in end.getpeercert()["subject"] for part in parts)["commonName"]

    one, other = socket.socketpair()
    with ThreadPoolExecutor(2) as threads:
        taking = threads.submit(names_other, one, taker, server_side=True)
        opening = threads.submit(names_other, other, opener, server_hostname=expected)
        return [end.exception() or end.result() for end in (taking, opening)]


def test_the_server_and_a_host_trust_each_other_whoever_opens_the_connection(data_dir):
    accept(data_dir, "host", "ceph3")
    tls = data_dir / "tls"

    assert meet(takes(tls, "server"), opens(tls, "ceph3"), "server") == ["ceph3", "server"]
    assert meet(takes(tls, "ceph3"), opens(tls, "server"), "ceph3") == ["server", "ceph3"]


def test_two_hosts_trust_each_other_too(data_dir):
    for name in ("one", "two"):
        accept(data_dir, "host", name)
    tls = data_dir / "tls"

    assert meet(takes(tls, "one"), opens(tls, "two"), "one") == ["two", "one"]


def test_a_host_is_not_taken_for_another(data_dir):
    accept(data_dir, "host", "ceph3")
    tls = data_dir / "tls"

    _, error = meet(takes(tls, "ceph3"), opens(tls, "server"), "ceph4")

    assert isinstance(error, ssl.SSLCertVerificationError)


def test_a_host_of_another_authority_is_refused_by_the_server_and_refuses_it(data_dir, tmp_path):
    for word in (["ca"], ["host", "ceph3"]):
        accept(tmp_path / "other", *word)
    own, other = data_dir / "tls", tmp_path / "other" / "tls"

    by_server, _ = meet(takes(own, "server"), opens(other, "ceph3", trusts=own), "server")
    _, by_host = meet(takes(own, "server"), opens(other, "ceph3"), "server")

    assert isinstance(by_server, ssl.SSLCertVerificationError)
    assert isinstance(by_host, ssl.SSLCertVerificationError)


def test_what_a_host_signs_is_worth_nothing(data_dir, tmp_path):
    accept(data_dir, "host", "ceph3")
    tls = data_dir / "tls"
    host = Certified(certificate_of(data_dir, "ceph3"), key_of(tls / "ceph3"))
    false = certify("false", host, NOW)
    (tls / "false.pem").write_bytes(false.certificate_pem + host.certificate_pem)
    (tls / "false.key").write_bytes(false.key_pem)

    by_server, _ = meet(takes(tls, "server"), opens(tls, "false"), "server")

    assert isinstance(by_server, ssl.SSLCertVerificationError)


def key_of(path):
    return read_authority(path.with_suffix(".pem").read_bytes(), path.with_suffix(".key").read_bytes()).key


def test_no_two_certificates_have_the_same_number_and_no_two_authorities_the_same_name():
    authorities = [new_authority(NOW) for _ in range(3)]
    numbers = {certify("x", one, NOW).certificate.serial_number for one in authorities}
    numbers |= {one.certificate.serial_number for one in authorities}

    assert len(numbers) == 6
    assert len({one.certificate.subject for one in authorities}) == 3


def test_all_are_valid_from_the_day_before_until_the_authority_ends(data_dir):
    accept(data_dir, "host", "ceph3")
    authority = certificate_of(data_dir, "ca")

    assert authority.not_valid_after_utc - authority.not_valid_before_utc == VALID + CLOCK_DIFFERENCE
    for name in ("server", "ceph3"):
        one = certificate_of(data_dir, name)
        assert one.not_valid_after_utc == authority.not_valid_after_utc
        assert one.not_valid_before_utc < NOW


# What it writes and says


def test_all_is_for_the_owner_alone(data_dir):
    accept(data_dir, "host", "ceph3")
    tls = data_dir / "tls"

    names = ["ca.key", "ca.pem", "ceph3.key", "ceph3.pem", "server.key", "server.pem"]
    assert sorted(path.name for path in tls.iterdir()) == names
    assert {path.stat().st_mode & 0o777 for path in tls.iterdir()} == {0o600}
    assert tls.stat().st_mode & 0o777 == 0o700


def test_it_says_until_when_what_to_copy_and_how_to_name_it(tmp_path):
    end = f"{NOW + VALID:%Y-%m-%d}"
    assert f"10 years, until {end}" in accept(tmp_path, "ca")

    said = accept(tmp_path, "host", "ceph3")

    assert f"10 years, until {end}" in said
    for file in ("ca.pem", "ceph3.pem", "ceph3.key"):
        assert f"    {tmp_path}/tls/{file}\n" in said
    for line in ("[dask]", "ca = DIRECTORY/ca.pem", "certificate = DIRECTORY/ceph3.pem", "key = DIRECTORY/ceph3.key"):
        assert f"    {line}\n" in said


def test_a_program_of_its_own_says_the_same_and_exits_with_the_same(tmp_path):
    for words, code in ((["ca"], 0), (["ca"], 1), (["host"], 2)):
        command = [sys.executable, "server.py", "certificates", *words, "--data-dir", str(tmp_path / "program")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        here = certificates(tmp_path / "here", *words)
        assert (done.returncode, done.stdout, done.stderr) == (
            code,
            *(text.replace("/here/", "/program/") for text in here[1:]),
        )


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_options_of_the_configuration_may_stand_before_and_after_the_command(tmp_path, place):
    (tmp_path / "x.ini").write_text("[storage]\ndata_dir = here\n")
    option = ["--config", str(tmp_path / "x.ini")]
    words = [*option, "ca"] if place == "before" else ["ca", *option]

    assert run_command("certificates", *words)[0] == 0
    assert (tmp_path / "here" / "tls" / "ca.pem").exists()


# What it refuses


def test_an_authority_is_never_replaced(data_dir):
    before = contents(data_dir / "tls")

    complained = refuse(data_dir, "ca")

    assert f"{data_dir}/tls exists already" in complained
    assert "all hosts need new certificates" in complained
    assert contents(data_dir / "tls") == before


def test_a_certificate_of_a_host_is_never_replaced(data_dir):
    accept(data_dir, "host", "ceph3")
    before = contents(data_dir / "tls")

    assert f"{data_dir}/tls/ceph3.pem exists already" in refuse(data_dir, "host", "ceph3")
    assert contents(data_dir / "tls") == before


def test_without_an_authority_it_says_how_to_make_one(tmp_path):
    assert "server.py certificates ca" in refuse(tmp_path, "host", "ceph3")
    assert list(tmp_path.iterdir()) == []


LONGEST = "x" * 64
NO_NAMES = [
    "",
    ".",
    "..",
    ".x",
    "a/b",
    "../x",
    "/x",
    "a b",
    "a\n",
    "a\0",
    "ä",
    "a:b",
    "*",
    LONGEST + "x",
    "ca",
    "server",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_of_a_host_is_refused(data_dir, name):
    before = contents(data_dir / "tls")

    assert "name: expected 1 to 64" in refuse(data_dir, "host", name)
    assert contents(data_dir / "tls") == before


@pytest.mark.parametrize("name", ["-x", "--x"])
def test_a_name_that_looks_like_an_option_is_no_name(data_dir, name):
    refuse(data_dir, "host", name, code=2)


@pytest.mark.parametrize("name", ["0", "CA", "_x", "a.b-c_d", "10.0.0.5", "ceph3.example.org", LONGEST])
def test_names_of_hosts(data_dir, name):
    accept(data_dir, "host", name)
    tls = data_dir / "tls"

    assert meet(takes(tls, "server"), opens(tls, name), "server")[0] == name


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["ca", "more"], ["host"], ["host", "a", "b"], ["ca", "--set", "nonsense"],
     ["ca", "--config", "/none"], ["ca", "--set", "storage.none=1"], ["ca", "--data", "x"]],
)  # fmt: skip
def test_wrong_words_and_a_wrong_configuration_end_with_2(tmp_path, words):
    refuse(tmp_path, *words, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_used_ends_with_2(tmp_path):
    (tmp_path / "file").write_text("")

    assert "[storage] data_dir" in refuse(tmp_path / "file", "ca", code=2)


def test_a_key_of_the_authority_that_others_can_read_is_not_used(data_dir):
    (data_dir / "tls" / "ca.key").chmod(0o640)

    assert "chmod 600" in refuse(data_dir, "host", "ceph3", code=2)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_half_an_authority_is_none(data_dir, name):
    (data_dir / "tls" / name).unlink()

    assert f"{name} is missing" in refuse(data_dir, "host", "ceph3")


def test_files_that_are_no_authority_sign_nothing(data_dir, tmp_path):
    accept(tmp_path / "other", "ca")
    key = data_dir / "tls" / "ca.key"
    for content in ((tmp_path / "other" / "tls" / "ca.key").read_bytes(), b"nonsense"):
        key.write_bytes(content)
        assert "not the authority" in refuse(data_dir, "host", "ceph3")


def test_an_authority_that_has_ended_signs_nothing(tmp_path):
    CertificateFiles(tmp_path).make_authority(NOW - VALID - timedelta(days=1))

    assert "was valid until" in refuse(tmp_path, "host", "ceph3")


def test_without_its_library_it_says_how_to_install_it(tmp_path):
    gone = {name: module for name, module in sys.modules.items() if not name.startswith(("cryptography", "commands."))}
    with mock.patch.dict(sys.modules, {**gone, "cryptography": None}, clear=True):
        complained = refuse(tmp_path, "ca")

    assert complained.endswith("run: tools/setup hosts\n")


# Whoever else is there, and whenever it is killed


def test_of_several_at_once_one_makes_the_certificate(data_dir):
    def make(_):
        try:
            return CertificateFiles(data_dir).make_host("ceph3", NOW)
        except Conflict as error:
            return error

    with ThreadPoolExecutor(8) as threads:
        made = [one for one in threads.map(make, range(8)) if not isinstance(one, Conflict)]

    assert len(made) == 1
    assert key_of(data_dir / "tls" / "ceph3")


KILLED_AT_EACH_STEP = """
import os, shutil, signal, sys
import commands.certificate_files, commands.certificates, server

before, folder, *words = sys.argv[1:]


def run(directory, step):
    left = step

    def count(event, arguments):
        nonlocal left
        if any(str(one).startswith(folder) for one in arguments[:2]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    return server.main(["certificates", *words, "--data-dir", directory])


step = 0
while True:
    step += 1
    directory = f"{folder}/{step}"
    shutil.copytree(before, directory)
    child = os.fork()
    if child == 0:
        os._exit(run(directory, step))
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs the command again and again, each time in a copy of a directory, and kills it one step later: each time it is
about to open, rename or remove a file there, until it is never killed."""


def killed_at_each_step(before, tmp_path, *words):
    """The directories that the killed commands leave, in order, and at last the one of the command that was not."""
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED_AT_EACH_STEP, str(before), str(folder), *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return sorted(folder.iterdir(), key=lambda path: int(path.name))


def test_a_killed_command_leaves_no_authority_or_a_whole_one(tmp_path):
    (tmp_path / "empty").mkdir()
    *killed, whole = killed_at_each_step(tmp_path / "empty", tmp_path, "ca")

    assert len(killed) > 5
    assert (whole / "tls").exists()
    for directory in killed:
        assert not (directory / "tls").exists()
        accept(directory, "ca")
        accept(directory, "host", "ceph3")
        assert [path.name for path in directory.iterdir()] == ["tls"]
        tls = directory / "tls"
        assert meet(takes(tls, "server"), opens(tls, "ceph3"), "server") == ["ceph3", "server"]


def test_a_killed_command_leaves_no_certificate_of_a_host_or_one_with_its_key(data_dir, tmp_path):
    *killed, whole = killed_at_each_step(data_dir, tmp_path, "host", "ceph3")

    assert len(killed) > 5
    assert key_of(whole / "tls" / "ceph3")
    for directory in killed:
        tls = directory / "tls"
        assert not (tls / "ceph3.pem").exists()
        accept(directory, "host", "ceph3")
        assert sorted(path.name for path in tls.iterdir()) == sorted(path.name for path in (whole / "tls").iterdir())
        assert meet(takes(tls, "server"), opens(tls, "ceph3"), "server") == ["ceph3", "server"]
