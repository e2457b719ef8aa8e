"""The whole of the service but HTTP, under load, while its server and its workers are killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.support import MODULES, ROOT, wait_readable

PATIENCE_SECONDS = 60


class Service:
    """One data directory, and the server that has it at the moment."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.server = None

    def start(self, *submissions, options=()):
        command = [sys.executable, "-m", "tests.faults.bare_service", self.directory, *MODULES]
        self.server = subprocess.Popen(
            [*command, json.dumps(submissions), *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self.expect("ready")

    def expect(self, word):
        for line in self.server.stdout:
            if line.strip() == word:
                return
        pytest.fail(f"the server ended before it said {word!r}")

    def kill(self):
        self.server.kill()
        self.wait()

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        code = self.server.wait(PATIENCE_SECONDS)
        self.server.stdout.close()
        return code

    def query(self, sql):
        with closing(sqlite3.connect(f"file:{self.directory}/hourglass.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def until(self, sql):
        """Waits until the query finds something: the database is what the server has promised to keep."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (rows := self.query(sql)):
            assert time.monotonic() < deadline, sql
            time.sleep(0.01)
        return rows

    def workers(self):
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "data")
    yield service
    if service.server is not None:
        service.kill()


def wait_gone(pid):
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        wait_readable(descriptor)
    finally:
        os.close(descriptor)


def counting(path, number, times, round_seconds):
    return ["counts", {"times": times, "record_path": f"{path}/record-{number}", "round_seconds": round_seconds}]


def records(path):
    return {file.name: file.read_text().split("\n")[:-1] for file in sorted(path.glob("record-*[0-9]"))}


def assert_counted_on(path, times, repeats):
    """Every round was done, never two at once, and after each death at most so many again."""
    for name, lines in records(path).items():
        assert "TWICE AT ONCE" not in lines, name
        counts = Counter(map(int, lines))
        assert set(counts) == set(range(1, times + 1)), name
        assert sum(counts.values()) - times <= repeats, name


@pytest.mark.parametrize(("tasks", "times", "deaths"), [(6, 10, 2), pytest.param(12, 15, 4, marks=pytest.mark.slow)])
def test_tasks_survive_kill_9_of_the_server_again_and_again(service, tmp_path, tasks, times, deaths):
    chance = random.Random(1)
    service.start(*(counting(tmp_path, number, times, 0.06) for number in range(tasks)))
    for _ in range(deaths):
        done = chance.randrange(5, 12)
        before = service.query("SELECT count(*) FROM rounds")[0][0]
        service.until(f"SELECT 1 WHERE (SELECT count(*) FROM rounds) >= {before + done}")
        workers = service.workers()
        service.kill()
        for pid in workers:
            wait_gone(pid)
        service.start()
    service.expect("idle")

    rows = service.query("SELECT status, round, percent, result, outcome, deaths FROM tasks")
    assert set(rows) == {("Finished", times, 100, str(times), f"Finished after {times} rounds", 0)}
    assert len(rows) == tasks
    assert service.query("SELECT sum(interruptions) FROM tasks")[0][0] <= 2 * deaths
    assert service.query("SELECT sum(interruptions) FROM tasks")[0][0] >= deaths
    assert_counted_on(tmp_path, times, repeats=deaths)


@pytest.mark.parametrize(("tasks", "deaths"), [(2, 1), pytest.param(4, 3, marks=pytest.mark.slow)])
def test_short_rounds_survive_kill_9_of_the_server(service, tmp_path, tasks, deaths):
    """Of rounds under 50 ms what is repeated is at most what was not acknowledged: 0.2 s of work."""
    times = 400
    service.start(*(counting(tmp_path, number, times, 0.002) for number in range(tasks)))
    for death in range(deaths):
        service.until(f"SELECT 1 WHERE (SELECT count(*) FROM rounds) >= {150 * (death + 1)}")
        service.kill()
        service.start()
    service.expect("idle")

    assert service.query("SELECT DISTINCT status, round FROM tasks") == [("Finished", times)]
    assert_counted_on(tmp_path, times, repeats=deaths * 100)


@pytest.mark.parametrize(("tasks", "times", "deaths"), [(4, 10, 3), pytest.param(8, 15, 8, marks=pytest.mark.slow)])
def test_tasks_survive_kill_9_of_their_workers(service, tmp_path, tasks, times, deaths):
    chance = random.Random(2)
    service.start(
        *(counting(tmp_path, number, times, 0.06) for number in range(tasks)),
        options=["--set", "workers.max_worker_deaths=100"],
    )
    for _ in range(deaths):
        before = service.query("SELECT count(*) FROM rounds")[0][0]
        service.until(f"SELECT 1 WHERE (SELECT count(*) FROM rounds) >= {before + 3}")
        workers = service.workers()
        if workers:
            os.kill(chance.choice(workers), signal.SIGKILL)
    service.expect("idle")

    assert service.query("SELECT DISTINCT status, round FROM tasks") == [("Finished", times)]
    assert service.query("SELECT sum(interruptions) - sum(deaths) FROM tasks") == [(0,)]
    assert_counted_on(tmp_path, times, repeats=deaths)


def test_a_task_whose_worker_dies_too_often_is_an_exception_and_the_next_one_runs(service, tmp_path):
    service.start(
        ["kills_itself", {}],
        counting(tmp_path, 1, 3, 0),
        options=["--set", "workers.max_worker_deaths=2", "--set", "workers.count=1"],
    )
    service.expect("idle")

    (failed, counted) = service.query("SELECT status, outcome, interruptions FROM tasks ORDER BY id")
    assert failed == (
        "Exception",
        "Failed: its worker died 3 times, last killed by signal 9 (out of memory?)",
        3,
    )
    assert counted[0] == "Finished"


@pytest.mark.parametrize(
    ("job", "params", "outcome"),
    [
        ("fails", {"rounds": 2}, "Failed in round 3: ValueError: no such pool"),
        pytest.param("raises", {"kind": "empty"}, "Failed in round 2: ValueError", marks=pytest.mark.slow),
        pytest.param(
            "calls_exit", {}, "Failed in round 2: SystemExit: the job called sys.exit(3)", marks=pytest.mark.slow
        ),
        pytest.param("returns", {"kind": "set"}, "Failed in round", marks=pytest.mark.slow),
        ("eats_memory", {}, "MemoryError: used more than memory_limit_mb = 128"),
        ("counts_once", {"times": 3}, None),
    ],
)
def test_a_job_that_misbehaves_ends_in_words_and_the_next_one_runs(service, tmp_path, job, params, outcome):
    options = ["--set", "workers.count=1", "--set", "workers.memory_limit_mb=128"]
    service.start([job, params], counting(tmp_path, 1, 3, 0), options=options)
    service.expect("idle")

    (first, second) = service.query("SELECT status, outcome, error FROM tasks ORDER BY id")
    if outcome is None:
        assert first[0] == "Finished"
    else:
        assert first[0] == "Exception"
        assert outcome in first[1]
        assert "Traceback" in json.loads(first[2])["traceback"]
    assert second[0] == "Finished"


def test_a_task_that_must_not_go_on_fails_when_its_server_is_killed(service, tmp_path):
    service.start(["counts_once", {"times": 100, "round_seconds": 0.06}])
    service.until("SELECT 1 FROM tasks WHERE round > 0")
    service.kill()
    service.start()
    service.expect("idle")

    ((status, outcome),) = service.query("SELECT status, outcome FROM tasks")
    assert status == "Exception"
    assert "the server stopped, and its job does not resume after an interruption" in outcome


@pytest.mark.slow
def test_a_worker_that_holds_the_gil_dies_with_its_server_and_its_task_goes_on(service, tmp_path):
    began = tmp_path / "began"
    service.start(["holds_gil", {"seconds": 3600, "began_path": str(began)}])
    (line,) = wait_for_lines(began, 1)
    service.kill()
    wait_gone(int(line))

    service.start()
    assert len(wait_for_lines(began, 2)) == 2
    service.until("SELECT 1 FROM tasks WHERE status = 'Running' AND interruptions = 1")


def wait_for_lines(path, count):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() or len(path.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text().splitlines()


@pytest.mark.parametrize(("tasks", "times"), [(3, 10), pytest.param(6, 20, marks=pytest.mark.slow)])
def test_sigterm_stops_in_good_order_and_everything_goes_on_after_it(service, tmp_path, tasks, times):
    service.start(*(counting(tmp_path, number, times, 0.06) for number in range(tasks)))
    service.until("SELECT 1 WHERE (SELECT count(*) FROM rounds) >= 10")
    workers = service.workers()

    assert service.stop() == 0

    for pid in workers:
        wait_gone(pid)
    assert service.query("SELECT count(*) FROM tasks WHERE status = 'Running' OR deaths > 0") == [(0,)]
    service.start()
    service.expect("idle")
    assert service.query("SELECT DISTINCT status FROM tasks") == [("Finished",)]
    assert_counted_on(tmp_path, times, repeats=0)


def test_a_second_server_on_the_same_data_names_the_first(service):
    service.start()
    second = subprocess.run(
        [sys.executable, "-m", "tests.faults.bare_service", service.directory, *MODULES, "[]"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "StartError" in second.stderr
    assert f"process {service.server.pid}" in second.stderr
