"""The views of the page that are recorded, and what a person does to see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tools.compare.serving import Server

Prepare = Callable[[Page], None]


def nothing(_: Page) -> None:
    """Does nothing: the address says it all."""


@dataclass(frozen=True)
class View:
    """`query` is the part of the address after `?`; `user` is who is signed in, nobody if it is empty.

    Who `has_looked` has seen all failures before: else they may be seen for a moment below a list that opens with them.
    """

    name: str
    query: str = ""
    prepare: Prepare = nothing
    user: str = "admin"
    path: str = "/openattic/"
    has_looked: bool = False


def signed_out() -> list[View]:
    return [View("sign-in", user=""), View("sign-in-refused", user="", prepare=_wrong_password)]


def _wrong_password(page: Page) -> None:
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").first.wait_for()


LISTS = {
    "pending": "tab=pending",
    "failed": "tab=failed",
    "finished": "tab=finished&size=25",
    "finished-second-page": "tab=finished&size=25&page=2&sort=-created",
    "sorted": "tab=failed&sort=description",
    "search": "tab=finished&search=walking",
    "search-in-vain": "tab=finished&search=quagga",
    "search-refused": "tab=finished&search=" + "+".join(f"w{number}" for number in range(21)),
}


SHIPPED = ("chain", "pool_create", "pool_pgs", "rbd_performance", "test_task")


def of_tasks(server: Server) -> Iterator[View]:
    """Yields all that there is without a cluster, on the data directory that data.py writes."""
    yield View("home", prepare=_drawn)
    yield View("home-viewer", user="vera", prepare=_drawn)
    for name, query in LISTS.items():
        yield View(name, query, has_looked="tab=failed" in query)
    yield View("pending-viewer", "tab=pending", user="vera")
    yield View("dialog-by-button", prepare=lambda page: page.locator("#background-tasks").click())
    yield View("selected", "tab=pending", _select_first)
    yield View("selected-page", "tab=finished&size=25", _select_all)
    yield View("confirm-pending", "tab=pending", _confirm(1))
    yield View("confirm-several", "tab=failed", _confirm(3), has_looked=True)
    yield View("confirm-all", "tab=finished&size=25", _confirm_all)
    for name, task in _tasks(server).items():
        yield View(f"task-{name}", f"task={task}")
    yield View("task-in-dialog", f"tab=pending&task={_tasks(server)['running']}")
    yield View("task-viewer", f"task={_tasks(server)['running']}", user="vera")
    yield View("task-missing", "task=999999")
    yield View("start", "start=")
    for job in ("form", *SHIPPED):
        yield View(f"start-{job}", f"start={job}")
    yield View("start-again", f"start=form&from={_tasks(server)['form']}")
    yield View("start-refused", "start=form", _send_form)
    yield View("start-choices", "start=form", _open_choices)
    yield View("start-unknown", "start=nothing_of_the_kind")
    yield View("settings", prepare=lambda page: page.locator("#settings-button").click())
    yield View("help", prepare=lambda page: page.keyboard.press("?"))
    yield View("pools-none", "view=pools")
    yield View("images-none", "view=images")
    yield View("pools-create-none", "view=pools&view.form=create")
    yield View("api", path="/openattic/docs/")


def _tasks(server: Server) -> dict[str, int]:
    """Returns a task of each kind by name, the first of each job and status."""
    found: dict[str, int] = {}
    for task in server.get("taskqueue?ordering=id&pageSize=500")["results"]:
        name = (
            task["job"] if task["status"] == "Finished" else f"{task['job']}-{task['status'].lower().replace(' ', '-')}"
        )
        found.setdefault(name, task["id"])
        if task["status"] == "Running":
            found.setdefault("running", task["id"])
        if task["waiting_for"]:
            found.setdefault(f"waiting-{task['waiting_for']['reason']}", task["id"])
        if task["retry_of"]:
            found.setdefault("retry", task["id"])
    return found


def _drawn(page: Page) -> None:
    page.locator("canvas").first.wait_for()


def _select_first(page: Page) -> None:
    page.get_by_role("checkbox").nth(1).check()


def _select_all(page: Page) -> None:
    page.get_by_label("Select all").click()


def _confirm(count: int) -> Prepare:
    def prepare(page: Page) -> None:
        for number in range(1, count + 1):
            page.get_by_role("checkbox").nth(number).check()
        page.get_by_role("button", name="Delete", exact=True).click()
        page.locator("#confirm-dialog[open]").wait_for()

    return prepare


def _confirm_all(page: Page) -> None:
    _select_all(page)
    page.get_by_role("button", name="Select all").last.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator("#confirm-dialog[open]").wait_for()


def _send_form(page: Page) -> None:
    form = page.locator("#start-form")
    form.get_by_role("textbox").first.fill("x" * 41)
    form.locator("button[type=submit]").click()
    page.locator("[aria-invalid=true]").first.wait_for()


def _open_choices(page: Page) -> None:
    page.locator("#start-form").get_by_role("combobox", name="House").click()
    page.locator("[role=option]").first.wait_for()


def of_new_service() -> list[View]:
    """Where nothing has happened yet."""
    return [View("new-home"), View("new-pending", "tab=pending"), View("new-failed", "tab=failed", has_looked=True)]


def toasts(server: Server) -> list[View]:
    """Shows the message of tasks that end while somebody looks."""

    def prepare(page: Page) -> None:
        for job, params in (("test_task", {"times": 1}), ("stumble", {"stone": "a stone"})):
            task: Any = server.call("POST", "taskqueue", {"job": job, "params": params})
            server.ended(task["id"])
            page.get_by_role("status").first.wait_for()
        page.locator(".toast, [class*=toast]").first.wait_for()

    return [View("toasts", prepare=prepare)]


def of_silent_cluster() -> list[View]:
    return [
        View("silent-home", prepare=_drawn),
        View("silent-pools", "view=pools"),
        View("silent-images", "view=images"),
        View("silent-pools-create", "view=pools&view.form=create"),
        View("silent-start-pool_pgs", "start=pool_pgs"),
    ]


def of_cluster(pool: int) -> list[View]:
    """Views of a cluster in which nothing goes on; `pool` is one of its pools."""
    return [
        View("cluster-home", prepare=_drawn),
        View("cluster-pools", "view=pools"),
        View("cluster-pools-viewer", "view=pools", user="vera"),
        View("cluster-pools-search", "view=pools&view.search=r&view.sort=-name"),
        View("cluster-pools-create", "view=pools&view.form=create"),
        View("cluster-pools-pgs", f"view=pools&view.form=pgs&view.pool={pool}"),
        View("cluster-images", "view=images"),
        View("cluster-images-search", "view=images&view.search=quagga"),
        View("cluster-images-performance", "view=images&view.form=performance"),
    ]
