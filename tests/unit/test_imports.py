"""Who may import whom, by folder: reads the imports, so that the layout stays what CONTRIBUTING.md says."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import jobs

ROOT = Path(__file__).parents[2]
FOLDERS = ("accounts", "ceph", "commands", "concurrency", "handlers", "jobs", "processes", "storage")
TOP = ("config", "histogram", "logs", "private_files", "server", "service", "streams")
FILES = sorted(
    [str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    + [f"{name}.py" for name in TOP]
)
HOUSE = (*FOLDERS, *TOP)

FOR_JOB_AUTHORS = {"jobs/__init__.py", "jobs/registry.py", "jobs/choices.py", "jobs/composition.py"}
"""What modules with jobs import from, and nobody of the house."""
STARTERS = {"service.py", "server.py"}
OUTSIDE_THE_EVENT_LOOP = (
    "histogram.py",
    "processes/child.py",
    "processes/framing.py",
    "jobs/errors.py",
    "jobs/clock.py",
    "jobs/text.py",
    "jobs/engine.py",
    "jobs/store.py",
    "jobs/engines/local/messages.py",
    "jobs/engines/remote/",
    "jobs/model/",
    "jobs/definition/",
    "jobs/library/",
    "jobs/engines/local/worker.py",
    "jobs/engines/local/server_pipe.py",
    "jobs/engines/local/error_report.py",
    "ceph/state.py",
    "ceph/pool_changes/facts.py",
    "ceph/pool_changes/preflight.py",
    "ceph/connection/",
    "ceph/jobs/",
    "ceph/reader/reader.py",
    "ceph/reader/messages.py",
)
"""What is pure, or runs in processes that have no event loop."""

FOR_JOBS = [f"jobs.{name}" for name in jobs.__all__]
BASICS = ["jobs.errors", "jobs.clock", "jobs.text", "jobs.json_text"]
MAY_IMPORT = {
    "processes/": ["processes", "logs", "streams"],
    "concurrency/": ["concurrency"],
    "histogram.py": [],
    "logs.py": [],
    "streams.py": ["logs", "processes"],
    "jobs/errors.py": ["jobs.text"],
    "jobs/text.py": [],
    "jobs/clock.py": [],
    "jobs/json_text.py": ["jobs.errors"],
    "jobs/model/": ["jobs.model", *BASICS, "histogram"],
    "jobs/definition/": ["jobs.definition", "jobs.model", *BASICS, "logs"],
    "jobs/engine.py": ["jobs.model", "jobs.errors"],
    "jobs/store.py": ["jobs.model", *BASICS, "histogram"],
    "jobs/engines/local/": [
        "jobs.engines.local",
        "jobs.engine",
        "jobs.definition",
        "jobs.model",
        *BASICS,
        "processes",
        "concurrency",
        "logs",
    ],
    "jobs/engines/remote/": ["jobs.engines.remote"],
    "jobs/queue/": [
        "jobs.queue",
        "jobs.definition",
        "jobs.engine",
        "jobs.store",
        "jobs.model",
        *BASICS,
        "concurrency",
    ],
    "jobs/live/": ["jobs.live", "jobs.engine", "jobs.store", "jobs.model", *BASICS, "concurrency"],
    "jobs/library/": [*FOR_JOBS, "jobs.definition", "jobs.model", *BASICS],
    "private_files.py": ["jobs.errors"],
    "accounts/": ["accounts", "jobs.errors", "jobs.clock", "concurrency", "private_files"],
    "ceph/": [
        "ceph",
        *FOR_JOBS,
        "jobs.definition",
        "jobs.model",
        "jobs.store",
        *BASICS,
        "processes",
        "concurrency",
        "logs",
    ],
    "storage/": [
        "storage",
        "accounts",
        "ceph.images.result_store",
        "ceph.pool_changes",
        "ceph.state",
        "jobs.store",
        "jobs.model",
        *BASICS,
        "concurrency",
        "histogram",
    ],
    "commands/": [
        "commands",
        "accounts",
        "config",
        "service",
        "jobs.errors",
        "jobs.clock",
        "logs",
        "private_files",
        "streams",
    ],
}
"""What a folder or a file may import of the house; the longest place that fits counts. The rest may import all."""


@cache
def imports_of(path):
    """Returns what a file imports when it runs, as `module.name`; what only type checkers need is left out."""
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def top_level_imports_of(path):
    """Returns the modules that a file imports outside of all functions."""
    tree = ast.parse((ROOT / path).read_text())
    found = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}


def imports_any(path, *packages):
    return {name for name in imports_of(path) if is_in(name, packages)}


def is_in(name, packages):
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def rule_for(path):
    return max((place for place in MAY_IMPORT if path.startswith(place)), key=len, default=None)


def under(*places):
    return [path for path in FILES if path.startswith(places)]


def all_but(*places):
    return [path for path in FILES if not path.startswith(places)]


def assert_none_imports(paths, *packages, allowed=lambda path: ()):
    found = [
        f"{path} imports {name}"
        for path in paths
        for name in sorted(imports_any(path, *packages))
        if not is_in(name, allowed(path))
    ]
    assert not found, "\n".join(found)


# One test for each rule, not for each file: 1,800 tests cost more than what they look at.
def test_the_files_are_found():
    assert len(FILES) > 150
    assert all(under(place) for place in MAY_IMPORT), "a rule for something that is not there"


def test_a_folder_imports_of_the_house_only_what_it_may():
    ruled = [path for path in FILES if rule_for(path) and path not in FOR_JOB_AUTHORS]
    assert_none_imports(ruled, *HOUSE, allowed=lambda path: MAY_IMPORT[rule_for(path)])


def test_an_engine_knows_no_other():
    def own(path):
        return [".".join(path.split("/")[:3])]

    assert_none_imports(under("jobs/engines/"), "jobs.engines", allowed=own)


def test_a_store_knows_no_other():
    def own_and_shared(path):
        return [".".join(path.removesuffix(".py").split("/")[:2]), "storage.locks", "storage.stores"]

    assert_none_imports(under("storage/"), "storage", allowed=own_and_shared)


def test_only_the_service_names_engines_and_stores():
    def settings(path):
        named = imports_of(path) if path == "config.py" else ()
        return [name for name in named if name.rpartition(".")[0].endswith(".settings")]

    others = all_but(*STARTERS, "jobs/engines/", "storage/")
    assert_none_imports(others, "jobs.engines", "storage.sqlite", "storage.memory", allowed=settings)


def test_only_the_store_of_sqlite_knows_sql():
    assert_none_imports(all_but("storage/sqlite/"), "sqlite3", "aiosqlite")


def test_tornado_is_in_handlers_and_the_service_alone():
    assert_none_imports(all_but("handlers/", "service.py"), "tornado")


def test_only_what_starts_processes_knows_multiprocessing():
    assert_none_imports(all_but("processes/", "jobs/engines/local/"), "multiprocessing")


def test_what_runs_outside_the_event_loop_knows_none():
    assert_none_imports(under(*OUTSIDE_THE_EVENT_LOOP), "tornado", "asyncio")


def test_nobody_imports_the_server_and_only_commands_the_service():
    assert_none_imports(all_but(*STARTERS), "server")
    assert_none_imports(all_but(*STARTERS, "commands/"), "service")


def test_nobody_of_the_house_imports_what_is_for_job_authors():
    for_authors = [name.removesuffix(".py").replace("/", ".") for name in FOR_JOB_AUTHORS if "__init__" not in name]
    assert_none_imports(FILES, *for_authors)


def test_the_bindings_of_ceph_are_imported_inside_functions_of_ceph_alone():
    bindings = ("rados", "rbd")

    assert [path for path in FILES if not top_level_imports_of(path).isdisjoint(bindings)] == []
    assert_none_imports(all_but("ceph/connection/", "ceph/images/"), *bindings)


def test_only_what_makes_certificates_imports_cryptography_and_nobody_else_imports_that_at_the_top():
    makers = ("commands.authority", "commands.certificate_files")
    others = all_but(*(f"{name.replace('.', '/')}.py" for name in makers))

    assert_none_imports(others, "cryptography")
    assert [path for path in others if not top_level_imports_of(path).isdisjoint(makers)] == []


def test_what_a_worker_imports_again_is_light():
    """Spawned, a worker imports server.py as its main module: only the standard library may be imported at the top."""
    assert top_level_imports_of("server.py") <= {"__future__", "sys", "typing", "collections.abc"}


def modules():
    return {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES}


def test_there_are_no_circles():
    known = modules()
    arrows = {
        name: {imported if imported in known else imported.rpartition(".")[0] for imported in imports_of(path)} - {name}
        for name, path in known.items()
        if path not in FOR_JOB_AUTHORS
    }
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for target in sorted(arrows.get(name, set())):
                visit(target)
            done.add(path.pop())

    for name in sorted(arrows):
        visit(name)
