"""Who may import whom: reads the imports, so that the layout stays what CONTRIBUTING.md says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path.relative_to(ROOT)
    for folder in ("jobs", "storage", "handlers", "ceph", "processes", "concurrency")
    for path in (ROOT / folder).rglob("*.py")
] + [Path(f"{name}.py") for name in ("server", "service", "config", "histogram", "logs", "streams")]  # fmt: skip
PURE = [
    *map(str, (path.relative_to(ROOT) for path in (ROOT / "jobs/model").glob("*.py"))),
    "jobs/errors.py",
    "jobs/clock.py",
    "jobs/text.py",
    "jobs/engine.py",
    "jobs/engines/local/messages.py",
    "histogram.py",
    "ceph/state.py",
    "ceph/pool_changes/preflight.py",
    "ceph/pool_changes/facts.py",
    "ceph/errors.py",
    "ceph/pool_changes/progress.py",
    "ceph/pool_changes/progress_text.py",
    "ceph/pool_changes/changes.py",
]
OF_WORKERS = [
    "jobs/engines/local/worker.py",
    "jobs/engines/local/error_report.py",
    "processes/child.py",
    "jobs/engines/local/server_pipe.py",
    "jobs/definition/limits.py",
    "jobs/json_text.py",
    "jobs/engines/local/surroundings.py",
    "processes/framing.py",
    "jobs/definition/rounds.py",
    "jobs/definition/job.py",
    "jobs/definition/declaration.py",
    "jobs/definition/registry.py",
    "jobs/definition/loading.py",
    "jobs/definition/params.py",
    "logs.py",
    "jobs/definition/composition.py",
    "jobs/definition/steps.py",
]
OF_THE_SERVER = [
    "ceph/reader/watch.py",
    "ceph/reader/cached.py",
    "ceph/pool_changes/creations.py",
    "ceph/images/results.py",
]
"""What lies in a folder of workers, and is of the server alone."""
KNOW_PROCESSES = [
    "processes/child_process.py",
    "processes/child.py",
    "jobs/engines/local/server_pipe.py",
    "jobs/engines/local/surroundings.py",
]


def imports_of(path):
    """The modules that a file imports when it runs: not those for type checkers."""
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_level_imports_of(path):
    """Those of a file's own lines, outside of all functions."""
    tree = ast.parse((ROOT / path).read_text())
    found = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}


def imports_any(path, *packages):
    return {name for name in imports_of(path) for package in packages if f"{name}.".startswith(f"{package}.")}


def under(*folders):
    return [path for path in FILES if str(path).startswith(folders)]


def test_the_files_are_found():
    assert len(FILES) > 25


@pytest.mark.parametrize("path", PURE)
def test_the_pure_core_imports_the_standard_library_msgspec_and_itself(path):
    allowed = {name.removesuffix(".py").replace("/", ".") for name in PURE} | {"msgspec"}
    foreign = imports_any(path, "jobs", "storage", "handlers", "config", "tornado", "aiosqlite", "asyncio", "psutil")

    assert {name for name in foreign if not any(f"{name}.".startswith(f"{one}.") for one in allowed)} == set()


def of_workers():
    return {*OF_WORKERS, *map(str, under("jobs/library", "ceph"))} - {*OF_THE_SERVER}


@pytest.mark.parametrize("path", sorted(of_workers()))
def test_a_worker_knows_nothing_of_the_server(path):
    assert not imports_any(
        path, "tornado", "asyncio", "storage", "handlers", "jobs.queue", "jobs.engines.local.pool", "server"
    )


@pytest.mark.parametrize("path", under("storage"))
def test_storage_knows_the_model_of_tasks_and_nothing_else_of_the_house(path):
    allowed = {"jobs", "jobs.model", "jobs.store", "jobs.errors", "jobs.clock", "concurrency"}
    found = imports_any(path, "jobs", "handlers", "tornado", "config", "server")

    assert {name for name in found if not any(f"{name}.".startswith(f"{one}.") for one in allowed - {"jobs"})} == set()


@pytest.mark.parametrize("path", [path for path in FILES if not str(path).startswith("storage")])
def test_only_storage_knows_sql(path):
    assert not imports_any(path, "sqlite3", "aiosqlite")


@pytest.mark.parametrize("path", [path for path in FILES if str(path) not in KNOW_PROCESSES])
def test_only_the_pool_and_the_worker_know_multiprocessing(path):
    assert not imports_any(path, "multiprocessing")


@pytest.mark.parametrize("path", [path for path in FILES if not str(path).startswith(("handlers", "service.py"))])
def test_tornado_is_in_handlers_and_service_alone(path):
    assert not imports_any(path, "tornado")


@pytest.mark.parametrize("path", under("handlers"))
def test_handlers_never_talk_to_the_pool_or_to_sqlite(path):
    assert not imports_any(
        path,
        "jobs.engines",
        "storage",
    )


@pytest.mark.parametrize("path", FILES)
def test_nobody_imports_the_entry_and_only_the_entry_imports_the_service(path):
    assert not imports_any(path, "server")
    assert str(path) == "server.py" or not imports_any(path, "service")


@pytest.mark.parametrize("path", FILES)
def test_rados_is_imported_where_it_is_used_and_nowhere_by_a_module(path):
    in_functions = {
        "ceph/connection/cluster.py",
        "ceph/images/image.py",
        "ceph/images/listing.py",
        "ceph/images/pool_calls.py",
    }
    found = imports_any(path, "rados", "rbd")

    assert not found & top_level_imports_of(path)
    assert not found or str(path) in in_functions


def test_what_a_worker_imports_again_is_light():
    """Spawned, it imports server.py as its main module: nothing there may be imported at the top but this."""
    assert top_level_imports_of("server.py") == {"__future__", "sys"}
