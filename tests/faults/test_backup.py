"""The commands of docs/operating.md, as they stand there: a backup under load, and its way back."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.support.service import ROOT, Client, Service

SECTION = (ROOT / "docs" / "operating.md").read_text().partition("## Backup")[2].partition("\n## ")[0]
COMMANDS = [line.strip() for line in SECTION.splitlines() if line.startswith("    ")]
BACKUPS = [command for command in COMMANDS if "VACUUM INTO" in command]
RESTORE = [command for command in COMMANDS if "VACUUM INTO" not in command]


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path, workers=2)
    yield service
    service.close()


def run(service, command, file):
    command = command.replace("DATA", str(service.directory / "data")).replace("FILE", str(file))
    subprocess.run(command, shell=True, cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("command", [BACKUPS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in BACKUPS[1:])])
async def test_a_backup_ends_under_load_and_comes_back_as_another_database(service, command, tmp_path):
    client = Client(service.start())
    (before,) = [await client.create("counts", times=1) for _ in range(1)]
    done = asyncio.Event()

    async def load():
        while not done.is_set():
            await client.create("counts", times=2)

    loads = [asyncio.create_task(load()) for _ in range(4)]
    await asyncio.to_thread(run, service, command, tmp_path / "backup.db")
    done.set()
    await asyncio.gather(*loads)
    assert (tmp_path / "backup.db").stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(tmp_path / "backup.db")) as backup:
        assert backup.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    after = await client.create("counts", times=3)
    page = await client.get("taskqueue?pageSize=1")
    service.kill()

    for step in RESTORE:
        run(service, step, tmp_path / "backup.db")
    service.start()
    restored = await client.get("taskqueue?pageSize=1")
    assert restored["store"] != page["store"]
    assert (await client.call("GET", f"taskqueue/{after['id']}")).status == 404
    assert (await client.ended(before["id"]))["status"] == "Finished"
    since = await client.get(f"taskqueue/changes?since={page['revision']}")
    assert since["type"] == "resync"
    assert (await client.create("counts", times=1))["id"] > after["id"]


def test_both_ways_to_make_a_backup_and_the_one_to_restore_it_are_documented():
    assert (len(BACKUPS), len(RESTORE)) == (2, 2)
