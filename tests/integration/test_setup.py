"""tools/setup and tools/test, in a project of their own whose apt-get only writes down how it was called."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASICS = ["bash", "cat", "dirname", "env", "ln", "nice", "rm", "sed", "sha256sum", "touch"]
BINDINGS = ("rados", "rbd")
PYTHON = "/usr/bin/python3"
"""The distribution's, as tools/setup takes it."""


def suffix():
    code = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def write_program(path: Path, body: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


class Project:
    """A directory with tools/setup, a .venv without packages, and all that it finds installed on its PATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.programs = directory / "programs"
        self.modules = directory / "dist-packages"
        for folder in (self.programs, self.modules):
            folder.mkdir()
        (directory / "tools").mkdir()
        for name in ("setup", "test"):
            (directory / "tools" / name).symlink_to(ROOT / "tools" / name)
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", directory / ".venv"], check=True)
        self.site = next(directory.glob(".venv/lib/python3*/site-packages"))
        (self.site / "pip.py").touch()
        for name in BASICS:
            (self.programs / name).symlink_to(shutil.which(name))
        self.program("id", "echo 0")
        self.program("apt-get", f'echo "$@" >> {directory}/apt.log')

    def program(self, name: str, body: str) -> None:
        write_program(self.programs / name, body)

    def debian_root(self, body: str) -> None:
        """What stands for tools/debian-root."""
        write_program(self.directory / "tools" / "debian-root", body)

    def run(self, tool: str, *words: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": str(self.programs), "SBIN": str(self.programs), "DIST_PACKAGES": str(self.modules)}
        environment = {**os.environ, **own}
        command = [f"tools/{tool}", *words]
        return subprocess.run(command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False)

    def bindings(self) -> str:
        """What it says; never a reason not to start."""
        done = self.run("setup", "bindings")
        assert done.returncode == 0
        return done.stderr

    def have_modules(self, ending: str) -> None:
        for name in BINDINGS:
            (self.modules / f"{name}{ending}").touch()

    @property
    def linked(self) -> list[str]:
        return sorted(path.name for path in self.site.glob("r*.so") if path.exists())

    @property
    def installs(self) -> list[str]:
        """The packages of each call of apt-get that was to install some."""
        log = self.directory / "apt.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.partition("--no-install-recommends ")[2] for line in lines if "--no-install" in line]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_the_distributions_rados_and_rbd_are_linked_into_the_venv(project):
    project.have_modules(suffix())
    assert project.bindings() == ""
    assert project.linked == [f"rados{suffix()}", f"rbd{suffix()}"]
    assert (project.site / f"rbd{suffix()}").readlink() == project.modules / f"rbd{suffix()}"
    assert project.installs == []


def test_modules_for_another_python_are_not_linked(project):
    project.have_modules(".cpython-36m-x86_64-linux-gnu.so")
    assert "apt-get install python3-rados python3-rbd" in project.bindings()
    assert project.linked == []


def test_missing_packages_are_installed_and_linked_in_the_same_run(project):
    project.program("apt-get", f"touch {project.modules}/rados{suffix()} {project.modules}/rbd{suffix()}")
    project.bindings()
    assert len(project.linked) == 2


def test_what_could_not_be_installed_is_tried_once_and_said_in_one_line_each_time(project):
    project.program("apt-get", f'echo "$@" >> {project.directory}/apt.log; exit 1')
    first, second = project.bindings(), project.bindings()
    assert set(project.installs) == {"python3-rados python3-rbd"}
    asked = len(project.installs)
    third = project.bindings()
    assert len(project.installs) == asked
    assert first.splitlines()[-1:] == second.splitlines() == third.splitlines()
    assert second.count("apt-get install python3-rados python3-rbd") == 1


def test_packages_that_a_person_has_installed_since_are_linked(project):
    project.bindings()
    project.have_modules(suffix())
    assert project.bindings() == ""
    assert len(project.linked) == 2


def test_without_the_right_to_install_nothing_is_tried_until_there_is_one(project):
    project.program("id", "echo 1000")
    project.program("sudo", "exit 1")
    assert "apt-get install" in project.bindings()
    assert project.installs == []
    project.program("id", "echo 0")
    project.bindings()
    assert project.installs == ["python3-rados python3-rbd"]


def test_sudo_without_a_password_will_do(project):
    project.program("id", "echo 1000")
    project.program("sudo", '[ "$1" = -n ] && shift; "$@"')
    project.program("true", "exit 0")
    project.bindings()
    assert project.installs == ["python3-rados python3-rbd"]


def test_a_module_that_is_gone_with_its_package_is_no_longer_linked(project):
    project.have_modules(suffix())
    project.bindings()
    for path in project.modules.iterdir():
        path.unlink()
    assert "apt-get install" in project.bindings()


def test_all_that_the_tests_miss_is_named_at_once(project):
    missing = project.run("setup", "missing").stdout.split()
    daemons = ["ceph-mon", "ceph-mgr", "ceph-osd", "ceph-common"]
    assert missing == [
        *daemons,
        "python3-rados",
        "python3-rbd",
        "chromium-headless-shell",
        "fonts-dejavu-core",
        "curl",
        "sqlite3",
        "nginx",
    ]


def test_chromium_will_do_for_the_page_if_its_headless_shell_cannot_be_installed(project):
    project.program("chromium", "exit 0")
    assert "chromium-headless-shell" in project.run("setup", "missing").stdout.split()
    project.program("id", "echo 1000")
    project.program("sudo", "exit 1")
    assert "chromium-headless-shell" not in project.run("setup", "missing").stdout.split()


@pytest.fixture
def prepared(project):
    """A project whose other packages are installed; its tests only say with which options they were run."""
    (project.directory / "requirements").mkdir()
    (project.directory / "node_modules").mkdir()
    files = [
        "requirements/run.txt",
        "requirements/hosts.txt",
        "requirements/dev.txt",
        "requirements/firefox.txt",
        "package.json",
        "package-lock.json",
    ]
    for name in files:
        (project.directory / name).touch()
    stamp = "sha256sum {files} > {stamp}"
    stamps = {
        ".venv/.installed-run": files[:1],
        ".venv/.installed-hosts": files[1:2],
        ".venv/.installed-dev": files[2:3],
        ".venv/.installed-firefox": files[3:4],
        "node_modules/.installed": files[4:],
    }
    for name, of in stamps.items():
        command = stamp.format(files=" ".join(of), stamp=name)
        subprocess.run(command, shell=True, cwd=project.directory, check=True)
    (project.site / "pytest.py").write_text("import sys; print('pytest', *sys.argv[1:])")
    return project


def install_all_but(project, *missing):
    for name in (
        "ceph-mon",
        "ceph-mgr",
        "ceph-osd",
        "ceph",
        "rbd",
        "ceph-authtool",
        "chromium-headless-shell",
        "curl",
        "sqlite3",
        "nginx",
        "firefox-esr",
    ):
        if name not in missing:
            project.program(name, "exit 0")
    project.have_modules(suffix())


def test_with_everything_there_all_tests_run(prepared):
    install_all_but(prepared)
    done = prepared.run("test", "-x")
    assert (done.returncode, done.stdout, prepared.installs) == (0, "pytest -x\n", [])


@pytest.mark.parametrize("kind", ["hosts", "dev", "test", "slow"])
def test_what_hosts_need_is_installed_with_all_that_needs_it_once_for_each_lock_file(prepared, kind):
    install_all_but(prepared)
    log = prepared.directory / "pip.log"
    write_program(prepared.directory / ".venv" / "bin" / "pip", f'echo "${{@: -1}}" >> {log}')
    for content in ("one", "another"):
        (prepared.directory / "requirements" / "hosts.txt").write_text(content)
        for _ in range(2):
            assert prepared.run("setup", kind).returncode == 0

    assert log.read_text().splitlines() == ["requirements/hosts.txt"] * 2


SPREAD = "-n 2 --dist loadfile"
OTHERS = "--ignore=tests/browser --ignore=tests/ceph"


def test_without_further_words_several_kinds_of_tests_run_beside_the_others_with_their_name_on_each_line(prepared):
    install_all_but(prepared)
    done = prepared.run("test")
    lines = [
        "browser: pytest tests/browser",
        "ceph: pytest tests/ceph",
        "integration: pytest tests/integration",
        f"pytest {OTHERS} --ignore=tests/integration",
    ]
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, lines)


def test_only_the_slow_tests_run_if_they_are_asked_for(prepared):
    install_all_but(prepared)
    done = prepared.run("test", "--slow")
    lines = [
        "browser: pytest -m slow tests/browser",
        f"ceph: pytest {SPREAD} -m slow tests/ceph",
        f"pytest {SPREAD} -m slow {OTHERS}",
    ]
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, lines)


# The other release of Ceph

MAKES_A_ROOT = 'if [ "$1" = make ]; then echo /other; else echo "there: $*"; fi'


def test_a_full_run_goes_on_with_the_other_release_of_ceph(prepared):
    install_all_but(prepared)
    prepared.debian_root(MAKES_A_ROOT)
    says_its_ceph = "import os, sys; print('pytest', *sys.argv[1:], os.environ.get('CEPH_ROOT', ''))"
    (prepared.site / "pytest.py").write_text(says_its_ceph)

    done = prepared.run("test", "--full")

    lines = done.stdout.splitlines()
    assert sorted(lines[:3]) == [
        "browser: pytest --full tests/browser ",
        f"ceph: pytest {SPREAD} --full tests/ceph ",
        f"pytest {SPREAD} --full {OTHERS} ",
    ]
    assert lines[3:] == [
        f"pytest {SPREAD} tests/ceph /other",
        f"there: run tools/test --full {SPREAD} tests/ceph",
        f"there: run tools/test {SPREAD} --ignore=tests/ceph",
    ]
    assert done.returncode == 0


@pytest.mark.parametrize("words", [["--full", "tests/ceph"], []])
def test_neither_a_quick_run_nor_one_of_some_tests_needs_the_other_release(prepared, words):
    install_all_but(prepared)
    prepared.debian_root("exit 1")
    assert prepared.run("test", *words).returncode == 0


@pytest.mark.parametrize("failing", ["tests/ceph", "--ignore=tests/ceph"])
def test_a_failure_on_the_other_release_is_one_of_the_run(prepared, failing):
    install_all_but(prepared)
    prepared.debian_root(f'if [ "$1" = make ]; then echo /other; fi; [[ "$*" != *{failing} ]] || exit 7')
    assert prepared.run("test", "--full").returncode == 7


def test_without_a_root_of_the_other_release_the_run_fails_and_says_what_did_not_run(prepared):
    install_all_but(prepared)
    prepared.debian_root('echo "debian-root: it needs root" >&2; exit 3')
    done = prepared.run("test", "--full")
    assert done.returncode == 1
    assert "it needs root" in done.stderr
    assert done.stderr.splitlines()[-1] == "    on the other release of Ceph (tools/debian-root)"


def debian_root(directory, *words, codename="bookworm", **environment):
    """What tools/debian-root says, to somebody who is not root and may not become it."""
    write_program(directory / "id", "echo 1000")
    write_program(directory / "sudo", "exit 1")
    (directory / "os-release").write_text(f"VERSION_CODENAME={codename}\n")
    own = {"PATH": f"{directory}:{os.environ['PATH']}", "OS_RELEASE": str(directory / "os-release"), "HOME": "/home/me"}
    inherited = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "DEBIAN_ROOT")}
    return subprocess.run(
        [ROOT / "tools" / "debian-root", *words],
        env={**inherited, **own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("codename", "environment", "path"),
    [
        ("bookworm", {}, "/home/me/.cache/hourglass/debian-13"),
        ("trixie", {}, "/home/me/.cache/hourglass/debian-12"),
        ("bookworm", {"XDG_CACHE_HOME": "/caches"}, "/caches/hourglass/debian-13"),
        ("bookworm", {"DEBIAN_ROOT": "/roots/mine"}, "/roots/mine"),
    ],
)
def test_the_other_debian_is_in_the_cache_of_the_user(tmp_path, codename, environment, path):
    assert debian_root(tmp_path, "path", codename=codename, **environment).stdout == f"{path}\n"


@pytest.mark.parametrize("words", [["make"], ["run", "true"]])
def test_without_root_it_prints_what_root_can_run(tmp_path, words):
    done = debian_root(tmp_path, *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith(f"As root run: tools/debian-root {' '.join(words)}\n")


def test_a_root_without_ceph_is_refused(tmp_path):
    with tempfile.TemporaryDirectory() as short_path:
        directory = Path(short_path) / "cluster"
        command = [ROOT / "tools" / "ceph-cluster", "--root", tmp_path, "start", directory]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"no {tmp_path}/usr/bin/ceph-mon" in done.stderr
        assert not directory.exists()


@pytest.mark.parametrize(("words", "code"), [(["--slow"], 0), ([], 5)])
def test_a_part_without_tests_is_a_failure_unless_only_slow_ones_are_asked_for(prepared, words, code):
    install_all_but(prepared)
    (prepared.site / "pytest.py").write_text("import sys; sys.exit(5 if 'tests/browser' in sys.argv else 0)")
    assert prepared.run("test", *words).returncode == code


def test_without_firefox_its_test_alone_is_left_out_of_the_slow_ones(prepared):
    install_all_but(prepared, "firefox-esr")
    done = prepared.run("test", "--slow", "-x")
    assert (done.returncode, done.stdout) == (1, "pytest -m slow --ignore=tests/ceph/test_firefox.py -x\n")
    assert done.stderr.splitlines()[-1] == "    apt-get install firefox-esr"
    assert prepared.run("test", "-x").returncode == 0


@pytest.mark.parametrize("failing", ["tests/ceph", "--ignore=tests/ceph"])
def test_a_failure_on_either_side_is_one_of_the_run(prepared, failing):
    install_all_but(prepared)
    (prepared.site / "pytest.py").write_text(f"import sys; sys.exit(7 if {failing!r} in sys.argv else 0)")
    assert prepared.run("test").returncode == 7


def test_without_ceph_the_others_run_alone(prepared):
    install_all_but(prepared, "ceph-osd")
    done = prepared.run("test")
    lines = [
        "browser: pytest --ignore=tests/ceph tests/browser",
        "integration: pytest --ignore=tests/ceph tests/integration",
        "pytest --ignore=tests/ceph --ignore=tests/browser --ignore=tests/integration",
    ]
    assert (done.returncode, sorted(done.stdout.splitlines())) == (1, lines)


def test_all_that_is_missing_is_installed_in_one_call(prepared):
    prepared.run("test")
    assert prepared.installs[0].split()[:2] == ["ceph-mon", "ceph-mgr"]
    assert len(set(prepared.installs)) == 1


@pytest.mark.parametrize(
    ("missing", "ignored"),
    [
        ("ceph-osd", "--ignore=tests/ceph"),
        ("chromium-headless-shell", "--ignore=tests/browser --ignore-glob=tests/ceph/test_browser*.py"),
        ("curl", "--ignore=tests/integration/test_rest_docs.py --ignore=tests/ceph/test_docs.py"),
        ("sqlite3", "--ignore=tests/faults/test_backup.py"),
        ("nginx", "--ignore=tests/integration/test_behind_nginx.py"),
    ],
)
def test_only_what_needs_a_missing_package_is_left_out_and_the_run_fails_by_its_name(prepared, missing, ignored):
    install_all_but(prepared, missing)
    done = prepared.run("test", "-x")
    assert done.stdout == f"pytest {ignored} -x\n"
    assert done.returncode == 1
    assert f"({missing})" in done.stderr
    assert f"apt-get install {missing}" in done.stderr.splitlines()[-1]
