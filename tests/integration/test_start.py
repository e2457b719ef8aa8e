"""A start that is refused says why in one sentence, and exits with 2."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.service import ROOT, Service


def started(*options, directory, config=None):
    command = [sys.executable, str(ROOT / "server.py"), "--port=0", f"--data-dir={directory}", *options]
    if config is not None:
        (directory / "other.ini").write_text(config)
        command.append(f"--config={directory / 'other.ini'}")
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def assert_refused(answer, *words):
    assert answer.returncode == 2
    assert answer.stdout == ""
    (sentence,) = answer.stderr.splitlines()
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("workers.count=two", ["workers.count", "a whole number from 1 to 256", '"two"']),
        ("jobs.modules=no_such_module", ["no_such_module", "ModuleNotFoundError"]),
        *(
            pytest.param(option, words, marks=pytest.mark.slow)
            for option, words in (
                ("workers.count=0", ["workers.count", "a whole number from 1 to 256"]),
                ("workers.cuont=2", ["cuont", "count"]),
                ("wrokers.count=2", ["wrokers", "workers"]),
                ("test_task.round_seconds=-1", ["test_task.round_seconds"]),
                ("nonsense", ["nonsense", "section.key=value"]),
            )
        ),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, option, words):
    assert_refused(started("--set", option, directory=tmp_path), *words)


def test_a_wrong_file_is_named_with_section_key_value_and_what_was_expected(tmp_path):
    answer = started(directory=tmp_path, config="[workers]\ncount = two\n")

    assert_refused(answer, 'other.ini [workers] count: expected a whole number from 1 to 256, got "two"')


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = started(f"--port={port}", directory=tmp_path)

    assert_refused(answer, "[server]", "port", str(port))


def test_a_data_directory_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    assert_refused(started(directory=tmp_path / "file"), "data_dir", "a directory to write to")


def test_a_database_of_a_newer_version_is_named(tmp_path):
    connection = sqlite3.connect(tmp_path / "hourglass.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    assert_refused(started(directory=tmp_path), "data_dir", "version 99", "newer")


def test_a_backup_beside_the_log_of_a_killed_server_is_refused_with_what_to_do(tmp_path):
    service = Service(tmp_path).start()
    service.kill()
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(backup)) as other:
        other.execute("CREATE TABLE others (id)")
    shutil.copyfile(backup, tmp_path / "data" / "hourglass.db")

    words = ["do not belong together", "remove hourglass.db-wal and hourglass.db-shm"]
    assert_refused(started(directory=tmp_path / "data"), *words)
    assert_refused(started(directory=tmp_path / "data"), *words)


def test_a_second_server_on_one_database_is_refused_with_the_first_ones_process(tmp_path):
    service = Service(tmp_path).start()
    try:
        assert_refused(started(directory=tmp_path / "data"), "data_dir", f"process {service.server.pid}")
    finally:
        service.close()


def test_the_first_start_prints_a_password_once_and_the_second_none(tmp_path):
    first, password = output_of_a_start(tmp_path)
    assert first.startswith("http://127.0.0.1:")
    assert "admin" in password

    _, again = output_of_a_start(tmp_path)
    assert "password" not in again


def output_of_a_start(directory: Path) -> tuple[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "HOURGLASS_ADMIN_PASSWORD"}
    command = [sys.executable, str(ROOT / "server.py"), "--port=0", f"--data-dir={directory}"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    address = server.stdout.readline()
    server.terminate()
    rest, told = server.communicate(timeout=60)
    assert server.returncode == 0
    assert rest == "", "more than the one line was printed"
    return address, told


def test_the_printed_password_signs_in(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "HOURGLASS_ADMIN_PASSWORD"}
    command = [sys.executable, str(ROOT / "server.py"), "--port=0", f"--data-dir={tmp_path}"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        password = server.stderr.readline().split(" password ")[1].split()[0]
        address = server.stdout.readline().strip()
        body = json.dumps({"username": "admin", "password": password}).encode()
        request = urllib.request.Request(f"{address}api/auth", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["role"] == "admin"
    finally:
        server.terminate()
        server.communicate(timeout=60)


@pytest.mark.parametrize("mode", [0o644, *(pytest.param(mode, marks=pytest.mark.slow) for mode in (0o640, 0o602))])
def test_a_key_that_others_can_read_is_refused_with_what_to_run(tmp_path, mode):
    key = tmp_path / "secret.key"
    key.write_bytes(b"x" * 32)
    key.chmod(mode)

    answer = started(directory=tmp_path)
    assert_refused(answer, f"got mode {mode:04o}", f"chmod 600 {key}")
    user = [sys.executable, str(ROOT / "server.py"), "user", "list", f"--data-dir={tmp_path}"]
    command = subprocess.run(user, capture_output=True, text=True, check=False, timeout=60)
    assert_refused(command, f"chmod 600 {key}")
    subprocess.run(answer.stderr.partition("run: ")[2], shell=True, check=True)
    service = Service(tmp_path)
    (tmp_path / "data").symlink_to(tmp_path)
    service.start()
    assert service.stop() == 0


def test_a_refusal_with_control_characters_is_one_line_that_steers_no_terminal(tmp_path):
    answer = started("--set", "workers.count=\x1b[2J\u202e\n2026 INFO hourglass: all is well", directory=tmp_path)

    (line,) = answer.stderr.split("\n")[:-1]
    assert line.isprintable()


def test_the_first_lines_of_a_start_name_the_data_directory_and_the_address(tmp_path):
    service = Service(tmp_path).start()
    assert service.stop() == 0
    first = (tmp_path / "server.log").read_text().splitlines()[0]

    assert str(tmp_path / "data") in first
    assert service.address in first


def test_a_start_that_waits_has_named_the_data_directory_before_and_can_be_interrupted(tmp_path):
    (tmp_path / "data").mkdir()
    with open(tmp_path / "data" / "workers.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        command = [sys.executable, str(ROOT / "server.py"), "--port=0", f"--data-dir={tmp_path / 'data'}"]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            assert str(tmp_path / "data") in server.stderr.readline()
            assert "Waiting for workers of an earlier server" in server.stderr.readline()
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=60) == 130
            assert server.stderr.read() == ""
        finally:
            server.kill()
            server.communicate()


def test_a_thread_that_a_job_module_has_started_does_not_keep_the_server_from_ending(tmp_path, monkeypatch):
    (tmp_path / "busy_jobs.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    service = Service(tmp_path).start("--set", "jobs.modules=busy_jobs")
    try:
        assert service.stop() == 0
    finally:
        service.close()
