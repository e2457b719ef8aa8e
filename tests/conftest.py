from __future__ import annotations

import asyncio
import inspect

import pytest
from tornado.ioloop import IOLoop

from tests.support.service import close_events


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run the tests marked as slow, too")


def pytest_collection_modifyitems(config, items):
    """Runs coroutines by pytest-tornado, and leaves out slow tests unless they are asked for by --full or -m."""
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "function", None)) and not item.get_closest_marker("gen_test"):
            item.add_marker(pytest.mark.gen_test)
    if config.getoption("--full") or config.getoption("-m"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    items[:] = [item for item in items if item not in slow]
    config.hook.pytest_deselected(items=slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Escapes what no encoding can express in captured output: pytest-xdist could not send it to the main process."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


SECONDS_WITHOUT_MARK = 5.0


def pytest_terminal_summary(terminalreporter):
    """Names tests that took long and are not marked as slow. Fails none, since any test is slow on a busy machine."""
    passed = terminalreporter.stats.get("passed", [])
    long = [report for report in passed if report.duration > SECONDS_WITHOUT_MARK and "slow" not in report.keywords]
    if long:
        terminalreporter.section(f"took over {SECONDS_WITHOUT_MARK:g} s and are not marked as slow")
    for report in sorted(long, key=lambda report: -report.duration):
        terminalreporter.write_line(f"{report.duration:.1f} s {report.nodeid}")


@pytest.fixture
def io_loop():
    """In place of pytest-tornado's own, which makes its loop the current one in a way that tornado warns of."""
    loop = IOLoop(make_current=False)
    asyncio.set_event_loop(loop.asyncio_loop)
    yield loop
    loop.run_sync(close_events)
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)
