"""Takes pictures of every view of the page, and those of the README: `python -m tools.screenshots [VIEW…]`."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.chromium import ARGUMENTS, executable
from bench.fill import fill
from bench.service import API, PASSWORD, ROOT, Service, serving
from storage.sqlite.opening import connect
from storage.sqlite.statements import SQL
from tools.pictured_cluster import hung, pictured_cluster

CHANGING = "pools-changing"
FOLDER = ROOT / "build" / "screenshots"
README = ROOT / "docs" / "images"
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
THEMES = ("light", "dark")
IN_README = {"home": "dark", "pending": "light", CHANGING: "light", "performance": "dark"}
NAMES_IN_README = {"home": "home", "pending": "background-tasks", CHANGING: "pools", "performance": "performance"}

JOBS = {"jobs__modules": "tools.pictured_jobs"}
ENDED = 400
LATELY_MINUTES = 59
PATIENCE_MILLISECONDS = 20_000
SAMPLED_SECONDS = 40
MOVED_PERCENT = 40
SLOW_ENOUGH_SECONDS = 0.5

RUNNING = [
    {"job": "fill_pool", "params": {"pool": "rbd", "objects": 1024}},
    {"job": "copy_image", "params": {"image": "db-01", "pool": "cold"}},
    {"job": "check_objects", "params": {"pool": "cephfs-data"}},
]
LATER = {"job": "test_task", "params": {"times": 20}, "not_before": "2099-01-01T02:00:00.000Z"}
WAITING = [
    {"job": "copy_image", "params": {"image": "db-01", "pool": "offsite"}, "priority": 10},
    {"job": "fill_pool", "params": {"pool": "cephfs-data", "objects": 512}},
    LATER,
    {"job": "nightly_report", "params": {"customer": "Example & Sons"}},
]
FINISHING = {"job": "nightly_report", "params": {"customer": "Acme"}}
FAILING = {"job": "nightly_report", "params": {"customer": "Smith?"}}


@dataclass
class Shown:
    """A service with tasks, and the storage of a browser that has visited it before."""

    service: Service
    storage: Any = None
    tasks: dict[str, int] = field(default_factory=dict)
    cluster: Path | None = None
    fsid: str = ""

    @property
    def address(self) -> str:
        return self.service.program.address

    def create(self, *submissions: Mapping[str, Any]) -> list[int]:
        answer = self.service.call("POST", "taskqueue", list(submissions))
        return [task["id"] for task in answer["results"]]

    def wait(
        self, task: int, holds: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE_MILLISECONDS / 1000
    ) -> None:
        """Waits until `holds` is true of a task. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not holds(now := self.service.call("GET", f"taskqueue/{task}")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"task {task} did not get there in time: {now}")
            self.service.call("GET", f"taskqueue/changes?since={now['revision']}&wait=1")

    def remove(self, *tasks: int) -> None:
        """Deletes tasks; pending ones are aborted first."""
        for task in tasks:
            self.service.call("DELETE", f"taskqueue?id={task}&if_status=pending")
            self.service.call("DELETE", f"taskqueue?id={task}&if_status=final")


@dataclass(frozen=True)
class View:
    """A picture to take. `query` is the part of the address after `?`; `prepare` acts as a person does, and waits for
    what they see.

    A quiet view shows a service without tasks, a view of a cluster one with a cluster, in which the daemon `hung` is
    stopped.
    """

    name: str
    prepare: Callable[[Page, Shown], None]
    query: Callable[[Shown], str] = lambda _: ""
    is_quiet: bool = False
    is_signed_in: bool = True
    is_long: bool = False
    is_of_cluster: bool = False
    hung: str | None = None


# What a person does


def _text(*texts: str) -> Callable[[Page, Shown], None]:
    """Returns a preparation that only waits until all of these are visible."""

    def prepare(page: Page, _: Shown) -> None:
        for text in texts:
            page.get_by_text(re.compile(text)).locator("visible=true").first.wait_for()

    return prepare


def _home(page: Page, _: Shown) -> None:
    page.get_by_role("heading", name="Failures not yet looked at").wait_for()
    page.locator("a.home-task-name").first.wait_for()
    page.locator(".home canvas").nth(1).wait_for()
    page.get_by_text("busy").first.wait_for()


def _list(page: Page, _: Shown) -> None:
    page.locator("table.tasks tbody tr").first.wait_for()


def _pending(page: Page, shown: Shown) -> None:
    """Opens the dialog with its button, as a person does."""
    _home(page, shown)
    page.locator("#background-tasks").click()
    _list(page, shown)


def _select(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=re.compile(f"Select {name}".replace("/", r"\/"))).first.check()


def _selected_and_paused(page: Page, shown: Shown) -> None:
    _list(page, shown)
    _select(page, "Moving .* to pool rbd", "Checking")
    came = shown.create({"job": "fill_pool", "params": {"pool": "new", "objects": 8}})
    page.get_by_text(re.compile("Updates paused · 1 new")).wait_for()
    _clear_up(page, shown, came)


def _clear_up(page: Page, shown: Shown, tasks: Sequence[int]) -> None:
    """Deletes the tasks once the picture is taken."""
    page.once("close", lambda _: shown.remove(*tasks))


def _confirm(page: Page, shown: Shown) -> None:
    _list(page, shown)
    _select(page, "Moving .* to pool rbd")
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("won't roll back").wait_for()


def _confirm_several(page: Page, shown: Shown) -> None:
    _list(page, shown)
    _select(page, "Moving .* to pool rbd", "Checking", "Writing")
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("You are about to delete 3 tasks").wait_for()


def _select_page(page: Page, shown: Shown) -> None:
    _list(page, shown)
    page.get_by_label("Select all").click()
    page.get_by_role("button", name=re.compile("that match")).wait_for()


def _confirm_matching(page: Page, shown: Shown) -> None:
    _select_page(page, shown)
    page.get_by_role("button", name=re.compile("that match")).click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_label(re.compile("To confirm")).fill("3")


def _report(page: Page, shown: Shown) -> None:
    """Shows that one of two tasks was deleted by somebody else during the confirmation."""
    tasks = shown.create(*[{"job": "fill_pool", "params": {"pool": f"gone-{one}", "objects": 8}} for one in (1, 2)])
    _list(page, shown)
    _select(page, "Moving .* to pool gone-1", "Moving .* to pool gone-2")
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("You are about to delete 2 tasks").wait_for()
    shown.remove(tasks[0])
    page.get_by_role("button", name=re.compile("^Delete 2")).click()
    page.get_by_role("button", name=re.compile("^Delete 2")).wait_for(state="hidden")
    page.locator("#tasks-dialog").get_by_text("gone-1").first.wait_for()
    _clear_up(page, shown, tasks[1:])


def _wrong_start(page: Page, _: Shown) -> None:
    page.get_by_text(re.compile("Moves so many objects")).wait_for()
    pool, number = page.locator("#start-form").get_by_role("textbox").all()[:2]
    pool.fill("rbd")
    number.fill("many")
    page.get_by_role("button", name="Start task").click()
    page.locator("[aria-invalid=true]").first.wait_for()


def _help(page: Page, shown: Shown) -> None:
    _list(page, shown)
    page.keyboard.press("?")
    page.get_by_role("heading", name="Statuses").wait_for()


def _settings(page: Page, shown: Shown) -> None:
    _home(page, shown)
    page.get_by_role("button", name="Settings").click()
    page.get_by_text("Desktop notifications").wait_for()


def _toasts(page: Page, shown: Shown) -> None:
    """Ends tasks in three ways: two cards, and how many more."""
    page.get_by_text("Live", exact=True).first.wait_for()
    *_, later = shown.create(FINISHING, FINISHING, FINISHING, FAILING, FAILING, LATER)
    shown.service.call("DELETE", f"taskqueue/{later}")
    page.locator(".toasts-more").wait_for()
    page.wait_for_load_state("networkidle")


def _wrong_password(page: Page, _: Shown) -> None:
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Unable to log in").wait_for()


def _task(name: str) -> Callable[[Shown], str]:
    return lambda shown: f"task={shown.tasks[name]}"


def _task_shown(page: Page, _: Shown) -> None:
    page.locator("#task-title").wait_for()
    page.wait_for_load_state("networkidle")


def _pools(page: Page, shown: Shown) -> None:
    page.get_by_text("HEALTH_OK").wait_for()
    _list(page, shown)


def _pools_changing(page: Page, shown: Shown) -> None:
    _list(page, shown)
    page.locator("main progress").first.wait_for()


def _preflight(page: Page, shown: Shown) -> None:
    _list(page, shown)
    page.get_by_role("button", name="Set number of PGs of pool rbd").click()
    page.get_by_label("Number of PGs", exact=True).fill("12")
    page.get_by_text("is not a power of two").wait_for()


def _images(page: Page, shown: Shown) -> None:
    _list(page, shown)
    page.locator("main svg.spark").first.wait_for()


def _performance_form(page: Page, shown: Shown) -> None:
    _images(page, shown)
    _select(page, "rbd/database", "rbd/web")
    page.get_by_role("button", name="Get RBD performance data").click()
    page.get_by_text("that makes").wait_for()


def _curves(page: Page, shown: Shown) -> None:
    page.locator(".curve-table").wait_for()
    page.locator("canvas").first.wait_for()
    _task_shown(page, shown)


def _trouble(page: Page, shown: Shown) -> None:
    _list(page, shown)
    page.get_by_text("cannot be reached").wait_for()


VIEWS = [
    View("sign-in", _text("Stay signed in"), is_signed_in=False),
    View("sign-in-refused", _wrong_password, is_signed_in=False),
    View("home-empty", _text("How to begin", "idle"), is_quiet=True, is_long=True),
    View("pending-empty", _text("There are no pending Tasks"), lambda _: "tab=pending", is_quiet=True),
    View("home", _home),
    View("home-long", _home, is_long=True),
    View("pending", _pending),
    View("failed", _list, lambda _: "tab=failed"),
    View("finished", _list, lambda _: "tab=finished"),
    View("search", _list, lambda _: "tab=finished&search=pool&sort=description&page=2&size=25"),
    View("search-in-vain", _text("quagga"), lambda _: "tab=finished&search=quagga"),
    View("selected-paused", _selected_and_paused, lambda _: "tab=pending"),
    View("selected-page", _select_page, lambda _: "tab=finished"),
    View("confirm", _confirm, lambda _: "tab=pending"),
    View("confirm-several", _confirm_several, lambda _: "tab=pending"),
    View("confirm-matching", _confirm_matching, lambda _: "tab=finished"),
    View("report", _report, lambda _: "tab=pending"),
    View("start", _text("Choose a job|Start task"), lambda _: "start="),
    View("start-job", _text("Moves so many objects"), lambda _: "start=fill_pool"),
    View("start-wrong", _wrong_start, lambda _: "start=fill_pool"),
    View(
        "start-again", _text("Run again with changed"), lambda shown: f"start=fill_pool&from={shown.tasks['running']}"
    ),
    View("task-running", _task_shown, _task("running"), is_long=True),
    View("task-waiting", _task_shown, _task("waiting"), is_long=True),
    View("task-finished", _task_shown, _task("finished"), is_long=True),
    View("task-exception", _task_shown, _task("exception"), is_long=True),
    View("task-in-dialog", _task_shown, lambda shown: f"tab=pending&task={shown.tasks['running']}"),
    View("task-missing", _task_shown, lambda _: "task=999999999", is_long=True),
    View("help", _help, lambda _: "tab=pending"),
    View("settings", _settings),
    View("toasts", _toasts, lambda _: "tab=finished", is_quiet=True),
    View("clusters-none", _text("No Ceph cluster is configured"), lambda _: "view=pools", is_quiet=True),
    View("pools", _pools, lambda _: "view=pools", is_of_cluster=True),
    View("preflight", _preflight, lambda _: "view=pools", is_of_cluster=True),
    View("pool-create", _text("with a power of two"), lambda _: "view=pools&view.form=create", is_of_cluster=True),
    View("images", _images, lambda _: "view=images", is_of_cluster=True),
    View("performance-form", _performance_form, lambda _: "view=images", is_of_cluster=True),
    View("performance", _curves, _task("performance"), is_of_cluster=True),
    View(CHANGING, _pools_changing, lambda _: "view=pools", is_of_cluster=True),
    View("cluster-hung", _trouble, lambda _: "view=pools", is_of_cluster=True, hung="mon.a"),
]
RECONNECTING = "reconnecting"
NAMES = [*(view.name for view in VIEWS), RECONNECTING]


# What there is to see


@contextmanager
def _with_cluster(directory: Path, browser: Browser) -> Iterator[Shown]:
    """Starts a service with a cluster whose images have been measured."""
    with pictured_cluster() as cluster:
        settings = {'ceph "demo"__conf': cluster / "ceph.conf", 'ceph "demo"__mon_timeout_seconds': 2}
        with serving(directory, **JOBS, **settings) as service:
            shown = Shown(service, cluster=cluster)
            shown.storage = _signed_in(shown, browser)
            (known,) = service.call("GET", "ceph")["results"]
            shown.fsid = known["fsid"]
            sampling = service.call("POST", f"ceph/{shown.fsid}/rbds/performance", {"seconds": SAMPLED_SECONDS})
            shown.tasks["performance"] = sampling["id"]
            shown.wait(sampling["id"], lambda now: now["ended"] is not None, 3 * SAMPLED_SECONDS)
            yield shown


def _begin_change(shown: Shown) -> None:
    """Begins to give a pool more PGs, which is slow on a small cluster."""
    (pool,) = shown.service.call("GET", f"ceph/{shown.fsid}/pools?search=rbd")["results"]
    shown.service.call("PUT", f"ceph/{shown.fsid}/pools/{pool['id']}", {"pg_num": 64})
    pools = shown.service.call("GET", f"ceph/{shown.fsid}/pools")["results"]
    task = next(pool["task"] for pool in pools if pool["task"])
    shown.wait(task, lambda now: now["percent"] > MOVED_PERCENT)


@contextmanager
def _busy(directory: Path, browser: Browser) -> Iterator[Shown]:
    """Starts a service with three months of ended tasks, an hour of figures, tasks of all kinds and new failures."""
    fill(directory, ENDED)
    _fill_last_hour(directory)
    with serving(directory, **JOBS, workers__count=len(RUNNING)) as service:
        shown = Shown(service)
        shown.storage = _looked_at_failures(shown, browser)
        shown.tasks["exception"], other, shown.tasks["finished"] = shown.create(
            FAILING, {**FAILING, "params": {"customer": "Miller?"}}, FINISHING
        )
        for task in (shown.tasks["exception"], other, shown.tasks["finished"]):
            shown.wait(task, lambda now: now["ended"] is not None)
        running = shown.create(*RUNNING)
        shown.tasks["running"] = running[0]
        for task in running:
            shown.wait(task, lambda now: (now["pace_seconds"] or 0) > SLOW_ENOUGH_SECONDS)
        shown.tasks["waiting"] = shown.create(*WAITING)[0]
        yield shown


def _fill_last_hour(directory: Path) -> None:
    chance = random.Random(1)  # noqa: S311  the same picture each time, and no secret
    now = int(time.time()) // 60
    with closing(connect(directory / "hourglass.db")) as connection, _committed(connection):
        for back in range(LATELY_MINUTES, 0, -1):
            connection.execute(SQL["add_to_minute"], _minute(chance, now - back))


def _minute(chance: random.Random, number: int) -> dict[str, int]:
    finished, failed = chance.randrange(8), int(chance.random() < 0.1)
    ended = finished + failed
    waited = ended * chance.randrange(200, 4000)
    return {
        "minute": number,
        "created": ended,
        "started": ended,
        "finished": finished,
        "failed": failed,
        "ran": ended,
        "waiting_ms": waited,
        "running_ms": ended * 9000,
    }


@contextmanager
def _committed(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    yield
    connection.execute("COMMIT")


def _looked_at_failures(shown: Shown, browser: Browser) -> Any:
    """Returns the storage of a browser that has visited the Failed tab once."""
    context = browser.new_context(storage_state=_signed_in(shown, browser))
    page = context.new_page()
    page.goto(f"{shown.address}?tab=failed")
    _list(page, shown)
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name=re.compile("^Background-Tasks")).wait_for()
    storage = context.storage_state()
    context.close()
    return storage


def _signed_in(shown: Shown, browser: Browser) -> Any:
    context = browser.new_context()
    given = {"username": "admin", "password": PASSWORD}
    answer = context.request.post(f"http://{shown.service.program.place}{API}/auth", data=given)
    assert answer.ok, answer.text()
    storage = context.storage_state()
    context.close()
    return storage


# Taking pictures


@contextmanager
def _opened(browser: Browser, shown: Shown, size: str, theme: str, storage: Any, query: str) -> Iterator[Page]:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,  # type: ignore[arg-type]
        storage_state=storage,
        has_touch=size == "narrow",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.goto(f"{shown.address}?{query}" if query else shown.address)
    yield page
    page.close()
    context.close()


def _take(browser: Browser, view: View, shown: Shown, size: str, theme: str) -> None:
    storage = shown.storage if view.is_signed_in else None
    with _opened(browser, shown, size, theme, storage, view.query(shown)) as page:
        view.prepare(page, shown)
        _save(page, f"{view.name}-{size}-{theme}", view.is_long)
        if size == "wide" and IN_README.get(view.name) == theme:
            shutil.copy(FOLDER / f"{view.name}-{size}-{theme}.png", README / f"{NAMES_IN_README[view.name]}.png")


def _save(page: Page, name: str, is_long: bool = False) -> None:
    page.screenshot(path=FOLDER / f"{name}.png", full_page=is_long, animations="disabled", caret="initial")


def _take_reconnecting(browser: Browser, shown: Shown, stop: Callable[[], None]) -> None:
    """Takes all four at once, since the server is stopped for them."""
    with ExitStack() as stack:
        pages = {
            f"{RECONNECTING}-{size}-{theme}": stack.enter_context(
                _opened(browser, shown, size, theme, shown.storage, "tab=pending")
            )
            for size in SIZES
            for theme in THEMES
        }
        for page in pages.values():
            page.get_by_text("Live", exact=True).first.wait_for()
        stop()
        for name, page in pages.items():
            page.get_by_text(re.compile("Reconnecting")).first.wait_for()
            _save(page, name)


def main(names: Sequence[str]) -> int:
    if unknown := set(names) - set(NAMES):
        print(f"expected names of views, got {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
        return 2
    wanted = [view for view in VIEWS if view.name in (names or NAMES)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        missed = _take_all(browser, Path(name), wanted, is_cut_off=RECONNECTING in (names or NAMES))
        browser.close()
    print(FOLDER)
    for line in missed:
        print(f"not taken: {line}", file=sys.stderr)
    return 1 if missed else 0


def _take_all(browser: Browser, directory: Path, views: Sequence[View], is_cut_off: bool) -> list[str]:
    missed: list[str] = []
    if clustered := [view for view in views if view.is_of_cluster]:
        missed += _take_of_cluster(browser, directory, clustered)
    if busy := [view for view in views if not view.is_quiet and not view.is_of_cluster]:
        with _busy(directory / "busy", browser) as shown:
            missed += _take_of(browser, busy, shown)
    if is_cut_off or any(view.is_quiet for view in views):
        (directory / "quiet").mkdir()
        with ExitStack() as stack:
            shown = Shown(stack.enter_context(serving(directory / "quiet", **JOBS)))
            shown.storage = _signed_in(shown, browser)
            missed += _take_of(browser, [view for view in views if view.is_quiet], shown)
            if is_cut_off:
                _take_reconnecting(browser, shown, stack.close)
    return missed


def _take_of_cluster(browser: Browser, directory: Path, views: Sequence[View]) -> list[str]:
    """Takes the views of a cluster; returns which could not be taken, all of them if no cluster can be started."""
    missed: list[str] = []
    (directory / "cluster").mkdir()
    try:
        with _with_cluster(directory / "cluster", browser) as shown:
            assert shown.cluster
            for view in views:
                if view.name == CHANGING:
                    _begin_change(shown)
                with hung(shown.cluster, view.hung) if view.hung else nullcontext():
                    missed += _take_of(browser, [view], shown)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        missed.append(f"{', '.join(view.name for view in views)}: {error}")
    return missed


def _take_of(browser: Browser, views: Sequence[View], shown: Shown) -> list[str]:
    """Takes these views; returns which pictures could not be taken, and why. The others are taken all the same."""
    missed = []
    for view in views:
        for size in SIZES:
            for theme in THEMES:
                try:
                    _take(browser, view, shown, size, theme)
                except Exception as error:  # noqa: BLE001  what goes wrong with one page says nothing of the next
                    missed.append(f"{view.name}-{size}-{theme}: {str(error).splitlines()[0]}")
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
