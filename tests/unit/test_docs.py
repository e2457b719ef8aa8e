"""The docs know every setting, every route and every job."""

from __future__ import annotations

import configparser
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from ceph.settings import ClusterSettings
from handlers.routes import API_ROUTES, FSID, MONITORING_ROUTES
from jobs.definition.loading import load_registry

ROOT = Path(__file__).parents[2]


def text_of(name):
    return (ROOT / "docs" / name).read_text()


def settings():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "config.ini")
    return [(section, key, value) for section in parser.sections() for key, value in parser[section].items()]


def documented_settings():
    """Rows of the table of settings: a row without a section belongs to the one above."""
    section, found = "", {}
    rows = re.findall(r"^\| (`\w+`)? ?\| `(\w+)` \|([^|]*)\|", text_of("operating.md"), re.MULTILINE)
    for first, key, default in rows:
        section = first.strip("`") or section
        found[section, key] = default.strip()
    return found


@pytest.mark.parametrize(("section", "key", "value"), settings())
def test_each_setting_is_described_with_its_default(section, key, value):
    assert documented_settings().get((section, key)) == value


def test_no_setting_is_described_that_does_not_exist():
    assert set(documented_settings()) == {(section, key) for section, key, _ in settings()}


def ceph_settings():
    """What config.ini shows of a cluster, commented out."""
    text = (ROOT / "config.ini").read_text()
    shown = "\n".join(
        line.removeprefix("# ") for line in text.partition('# [ceph "main"]')[2].split("\n\n")[0].splitlines()
    )
    return dict(re.findall(r"^(\w+) = ?(.*)$", shown, re.MULTILINE))


def test_config_ini_shows_each_setting_of_a_cluster_with_its_default():
    defaults = asdict(ClusterSettings()).items()
    assert ceph_settings() == {name: "" if value == () else str(value) for name, value in defaults}


@pytest.mark.parametrize(("key", "default"), ceph_settings().items())
def test_each_setting_of_a_cluster_is_described_with_its_default(key, default):
    assert re.search(rf"^\| `{key}` \| ?{default} \|", text_of("operating.md"), re.MULTILINE)


@pytest.mark.parametrize("path", [path for path, _ in API_ROUTES])
def test_each_route_is_described(path):
    assert path.replace(FSID, "FSID").replace(r"(\d+)", "ID") in text_of("rest.md")


@pytest.mark.parametrize("path", [path for path, _ in MONITORING_ROUTES])
def test_each_address_for_monitoring_is_described(path):
    assert f"`GET /{path}`" in text_of("rest.md")


@pytest.mark.parametrize("job", [job.name for job in load_registry().jobs])
def test_each_job_that_ships_is_described(job):
    assert f"`{job}`" in text_of("jobs.md")


@pytest.mark.parametrize("path", re.findall(r"`((?:tests|storage)/[\w/]+\.py)`", text_of("promises.md")))
def test_each_promise_names_a_test_that_is_there(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("command", re.findall(r"^    (make [\w-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
def test_each_command_of_the_readme_is_there(command):
    assert f"\n{command.removeprefix('make ')}:" in (ROOT / "Makefile").read_text()
